// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

/// The fields and attributes that neighbours and forwarding entries have in common.
struct NeighborMessage {
    let family: UInt8
    let interface: LinkIndex
    let state: NeighborState
    let flags: UInt8
    private(set) var destination: IPAddress?
    private(set) var mac: MACAddress?
    private(set) var vlan: UInt16?
    private(set) var protocolNumber: UInt8?

    /// Reads what follows the header of an `RTM_NEWNEIGH` or `RTM_DELNEIGH`: `struct ndmsg` and attributes.
    init(reading payload: borrowing RawSpan) throws(NetlinkError) {
        family = try payload.field(at: 0)
        interface = LinkIndex(rawValue: try payload.field(at: 4))
        state = NeighborState(rawValue: try payload.field(at: 8))
        flags = try payload.field(at: 10)
        try AttributeReader.forEach(in: payload, after: 12) { (type, value) throws(NetlinkError) in
            switch type {
            case NDA_DST:
                // Both families occur in forwarding entries, and their own is neither.
                switch value.byteCount {
                case 4: destination = try IPAddress(reading: value, .v4)
                case 16: destination = try IPAddress(reading: value, .v6)
                default: break
                }
            case NDA_LLADDR: mac = MACAddress(octets: value.octets)
            case NDA_VLAN: vlan = try value.integer()
            case NDA_PROTOCOL: protocolNumber = try value.integer()
            default: break
            }
        }
    }

    /// The neighbour it describes; nil for a forwarding entry and for other families.
    var neighbor: NeighborEntry? {
        guard AddressFamily(number: family) != nil, let address = destination else { return nil }
        return NeighborEntry(
            address: address,
            mac: mac,
            interface: interface,
            state: state,
            protocolNumber: protocolNumber
        )
    }

    /// The forwarding entry it describes; nil for a neighbour.
    var forwardingEntry: ForwardingEntry? {
        guard family == BridgeFamily.number, let mac else { return nil }
        return ForwardingEntry(
            mac: mac,
            interface: interface,
            destination: destination,
            vlan: vlan,
            state: state,
            table: flags & UInt8(NTF_SELF) != 0 ? .device : .bridge,
            protocolNumber: protocolNumber
        )
    }
}

/// The family of requests to bridges.
enum BridgeFamily {
    /// The corresponding C constant is `AF_BRIDGE`.
    static var number: UInt8 { 7 }
}
