// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import Netlink
public import RouteNetlink

extension RouteSocket {
    /// The host's end of an attachment that another plugin made: the pair named after the attachment, or else the first
    /// veth on the host that the plugin's result lists.
    ///
    /// - Returns: nil when there is none: the container may be attached without a pair.
    public borrowing func hostEnd(of identity: AttachmentIdentity, in result: NetworkResult) throws(CNIError) -> Link? {
        let listed = result.interfaces.filter { $0.sandbox == nil }.map(\.name)
        let names = [identity.hostInterfaceName] + listed.filter { $0 != identity.hostInterfaceName }
        for name in names {
            let link = try kernel { () throws(NetlinkError) -> Link? in try self.link(named: name) }
            if let link, link.kind == "veth" { return link }
        }
        return nil
    }
}
