// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import Netlink

extension RouteRequest {
    /// Changes settings that only links of one kind have: `ip link set … type KIND …`.
    static func changeKind(
        _ kind: String,
        of index: LinkIndex,
        _ operation: String,
        purpose: RequestPurpose,
        _ settings: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) -> RouteRequest {
        try RouteRequest(operation, on: index, purpose: purpose, type: RTM_NEWLINK) { writer in
            var header = ifinfomsg()
            header.ifi_index = Int32(bitPattern: index.rawValue)
            writer.append(header: header)
            writer.putKind(kind, settings)
        }
    }
}

extension AttributeWriter {
    /// Puts a link's kind and the settings of that kind (`IFLA_LINKINFO`).
    mutating func putKind(_ kind: String, _ settings: (inout AttributeWriter) -> Void) {
        nest(IFLA_LINKINFO) { writer in
            writer.put(IFLA_INFO_KIND, string: kind)
            writer.nest(IFLA_INFO_DATA, settings)
        }
    }
}
