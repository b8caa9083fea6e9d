// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
public import Netlink

extension RouteRequest {
    /// Gives an interface an address: `ip address add`; fails where it has it already.
    public static func addAddress(_ address: LinkAddress, to index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        let operation = "add address \(address.prefix) to"
        let object = try object(address, index, operation)
        defer { rtnl_addr_put(object) }
        return try RouteRequest(
            operation,
            on: index,
            purpose: address.prefix.family == .v4 ? .addIPv4Address : .addIPv6Address,
            flags: [.create, .exclusive],
            { rtnl_addr_build_add_request(object, 0, &$0) },
            amendment: { writer in
                if let number = address.protocolNumber { writer.put(IFA_PROTO, number) }
            }
        )
    }

    /// Takes an address from an interface: `ip address delete`.
    public static func removeAddress(
        _ address: LinkAddress,
        from index: LinkIndex
    ) throws(NetlinkError) -> RouteRequest {
        let operation = "remove address \(address.prefix) from"
        // What identifies it, and nothing else: other fields need not be known to remove it.
        let object = try object(LinkAddress(prefix: address.prefix, peer: address.peer), index, operation)
        defer { rtnl_addr_put(object) }
        return try RouteRequest(operation, on: index, purpose: .general) {
            rtnl_addr_build_delete_request(object, 0, &$0)
        }
    }

    private static func object(
        _ address: LinkAddress,
        _ index: LinkIndex,
        _ operation: String
    ) throws(NetlinkError) -> OpaquePointer {
        guard let object = rtnl_addr_alloc() else { throw .invalid(operation, "no memory for an address") }
        rtnl_addr_set_ifindex(object, Int32(bitPattern: index.rawValue))
        var result = LibnlAddress(address.prefix).lend { rtnl_addr_set_local(object, $0) }
        if result >= 0, let peer = address.peer, let prefix = IPPrefix(peer, length: address.prefix.length) {
            result = LibnlAddress(prefix).lend { rtnl_addr_set_peer(object, $0) }
        }
        if result >= 0, let broadcast = address.broadcast {
            result = LibnlAddress(broadcast).lend { rtnl_addr_set_broadcast(object, $0) }
        }
        if result >= 0, let label = address.label { result = rtnl_addr_set_label(object, label) }
        rtnl_addr_set_scope(object, Int32(address.scope))
        if !address.flags.isEmpty { rtnl_addr_set_flags(object, address.flags.rawValue) }
        if result < 0 {
            rtnl_addr_put(object)
            throw .invalid(operation, String(cString: nl_geterror(result)))
        }
        return object
    }
}
