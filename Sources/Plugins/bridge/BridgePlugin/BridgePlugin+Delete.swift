// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import LinuxSystem
internal import Netlink
internal import RouteNetlink

extension BridgePlugin {
    /// Detaches a container: its rules and its pair first, then the address, which must not be given away while it is in
    /// use.
    ///
    /// The address manager starts up while the kernel takes the pair down.
    public func delete(_ request: DeleteRequest) throws(CNIError) {
        // An address manager that is not there keeps the address; the pair goes all the same.
        let release = Result { () throws(CNIError) in try IPAMRelease.start(request) }
        let rules = Result { () throws(CNIError) in try PacketRuleRemoval() }
        let withoutRules = Result { () throws(CNIError) in try rules.get().run(request) }
        try removePair(request)
        // Only now may the socket close.
        withExtendedLifetime(rules) {}
        try withoutRules.get()
        try release.get().finish(request)
    }

    /// Removes the attachment's pair by whichever end can be found.
    private func removePair(_ request: DeleteRequest) throws(CNIError) {
        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        if let link = try host.veth(named: request.identity.hostInterfaceName) {
            return try host.removeIfPresent(link.index)
        }
        // Not ours, or gone: an attachment that the reference made has a random name on the host.
        if let path = request.namespacePath, try removeContainerEnd(request.attachment.interfaceName, in: path, host) {
            return
        }
        try removeHostEndOfPreviousResult(request, host)
    }

    /// - Returns: Whether there was one.
    private func removeContainerEnd(
        _ name: String,
        in path: String,
        _ host: borrowing RouteSocket
    ) throws(CNIError) -> Bool {
        // A namespace that cannot be opened any more took its end of the pair with it.
        guard let namespace = try? NetworkNamespace.open(path) else { return false }
        let container = try kernel { () throws(NetlinkError) in try RouteSocket.open(in: namespace) }
        guard let link = try container.veth(named: name) else { return false }
        // One of ours, but not by this attachment's name: another network's, which is alive.
        if let peer = link.peerIndex,
            let other = try kernel({ () throws(NetlinkError) in try host.link(peer) }), PortAlias.isOn(other)
        {
            return false
        }
        try container.removeIfPresent(link.index)
        return true
    }

    /// The runtime remembers the host end's name; its hardware address tells it from a later namesake, and ours would
    /// have been found by the attachment.
    private func removeHostEndOfPreviousResult(
        _ request: DeleteRequest,
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        // A result that cannot be read is no reason to keep an address.
        guard let result = try? request.configuration.previousResult() else { return }
        for interface in result.interfaces where interface.sandbox == nil && interface.name.hasPrefix("veth") {
            guard let link = try host.veth(named: interface.name), link.mac?.description == interface.mac,
                !PortAlias.isOn(link)
            else { continue }
            try host.removeIfPresent(link.index)
        }
    }
}

extension RouteSocket {
    /// The veth of a name; nil when there is no such link, or one of another kind.
    borrowing func veth(named name: String) throws(CNIError) -> Link? {
        let found = try kernel { () throws(NetlinkError) in try link(named: name) }
        return found?.kind == "veth" ? found : nil
    }
}
