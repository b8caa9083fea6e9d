// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
public import Netlink

extension RouteRequest {
    /// Adds a neighbour: `ip neighbour add`; fails where there is one with this address.
    public static func addNeighbor(_ entry: NeighborEntry) throws(NetlinkError) -> RouteRequest {
        try add("add neighbor", entry, [.create, .exclusive])
    }

    /// Adds a neighbour or changes the one with this address: `ip neighbour replace`.
    public static func replaceNeighbor(_ entry: NeighborEntry) throws(NetlinkError) -> RouteRequest {
        try add("replace neighbor", entry, [.create, .replace])
    }

    /// Removes a neighbour: `ip neighbour delete`.
    public static func removeNeighbor(_ entry: NeighborEntry) throws(NetlinkError) -> RouteRequest {
        let object = try object("remove neighbor \(entry.address) from", entry)
        defer { rtnl_neigh_put(object) }
        return try RouteRequest("remove neighbor \(entry.address) from", on: entry.interface, purpose: .general) {
            rtnl_neigh_build_delete_request(object, 0, &$0)
        }
    }

    /// Adds a forwarding entry: `bridge fdb add`; fails where the address has one.
    public static func addForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) -> RouteRequest {
        try add("add forwarding entry", entry, [.create, .exclusive])
    }

    /// Adds a forwarding entry or changes the one of this address: `bridge fdb replace`.
    public static func replaceForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) -> RouteRequest {
        try add("replace forwarding entry", entry, [.create, .replace])
    }

    /// Adds a destination to those of this address: `bridge fdb append`; for VXLAN devices.
    public static func appendForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) -> RouteRequest {
        try add("append forwarding entry", entry, [.create, .append])
    }

    /// Removes a forwarding entry: `bridge fdb delete`.
    public static func removeForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) -> RouteRequest {
        let operation = "remove forwarding entry \(entry.mac) from"
        let object = try object(operation, entry)
        defer { rtnl_neigh_put(object) }
        return try RouteRequest(operation, on: entry.interface, purpose: .general) {
            rtnl_neigh_build_delete_request(object, 0, &$0)
        }
    }

    private static func add(
        _ verb: String,
        _ entry: NeighborEntry,
        _ flags: MessageFlags
    ) throws(NetlinkError) -> RouteRequest {
        let operation = "\(verb) \(entry.address)\(entry.mac.map { " (\($0))" } ?? "") on"
        return try add(operation, entry.interface, entry.protocolNumber, flags, try object(operation, entry))
    }

    private static func add(
        _ verb: String,
        _ entry: ForwardingEntry,
        _ flags: MessageFlags
    ) throws(NetlinkError) -> RouteRequest {
        let operation = "\(verb) \(entry.mac)\(entry.destination.map { " to \($0)" } ?? "") on"
        return try add(operation, entry.interface, entry.protocolNumber, flags, try object(operation, entry))
    }

    private static func add(
        _ operation: String,
        _ interface: LinkIndex,
        _ protocolNumber: UInt8?,
        _ flags: MessageFlags,
        _ object: OpaquePointer
    ) throws(NetlinkError) -> RouteRequest {
        defer { rtnl_neigh_put(object) }
        return try RouteRequest(
            operation,
            on: interface,
            purpose: .changeNeighbor,
            flags: flags,
            { rtnl_neigh_build_add_request(object, 0, &$0) },
            amendment: { writer in if let protocolNumber { writer.put(NDA_PROTOCOL, protocolNumber) } }
        )
    }

    private static func object(_ operation: String, _ entry: NeighborEntry) throws(NetlinkError) -> OpaquePointer {
        let object = try object(operation, entry.interface, entry.address, entry.mac, entry.state)
        rtnl_neigh_set_family(object, Int32(entry.address.family.number))
        return object
    }

    private static func object(_ operation: String, _ entry: ForwardingEntry) throws(NetlinkError) -> OpaquePointer {
        // The destination comes before the family: libnl refuses one that is not of the family.
        let object = try object(operation, entry.interface, entry.destination, entry.mac, entry.state)
        rtnl_neigh_set_family(object, Int32(BridgeFamily.number))
        rtnl_neigh_set_flags(object, entry.table == .device ? UInt32(NTF_SELF) : UInt32(NTF_MASTER))
        if let vlan = entry.vlan { rtnl_neigh_set_vlan(object, Int32(vlan)) }
        return object
    }

    private static func object(
        _ operation: String,
        _ interface: LinkIndex,
        _ destination: IPAddress?,
        _ mac: MACAddress?,
        _ state: NeighborState
    ) throws(NetlinkError) -> OpaquePointer {
        guard let object = rtnl_neigh_alloc() else { throw .invalid(operation, "no memory for a neighbor") }
        rtnl_neigh_set_ifindex(object, Int32(bitPattern: interface.rawValue))
        rtnl_neigh_set_state(object, Int32(state.rawValue))
        if let mac { LibnlAddress(mac).lend { rtnl_neigh_set_lladdr(object, $0) } }
        if let destination {
            let result = LibnlAddress(destination).lend { rtnl_neigh_set_dst(object, $0) }
            if result < 0 {
                rtnl_neigh_put(object)
                throw .invalid(operation, String(cString: nl_geterror(result)))
            }
        }
        return object
    }
}
