// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// Which Ethernet address belongs to an IP address on an interface (`ip neighbour`).
public struct NeighborEntry: Hashable, Sendable {
    /// The neighbour's IP address (`NDA_DST`).
    public var address: IPAddress
    /// The neighbour's Ethernet address (`NDA_LLADDR`); nil while it is not known.
    public var mac: MACAddress?
    /// The interface that the neighbour is reached by.
    public var interface: LinkIndex
    /// Whether the entry is usable and stays.
    public var state: NeighborState
    /// Who added it (`NDA_PROTOCOL`, Linux 5.2); nil for nobody in particular.
    public var protocolNumber: UInt8?

    /// Describes an entry, permanent unless said otherwise.
    public init(
        address: IPAddress,
        mac: MACAddress?,
        interface: LinkIndex,
        state: NeighborState = .permanent,
        protocolNumber: UInt8? = nil
    ) {
        self.address = address
        self.mac = mac
        self.interface = interface
        self.state = state
        self.protocolNumber = protocolNumber
    }
}

/// Where a bridge or a VXLAN device sends frames for an Ethernet address (`bridge fdb`).
public struct ForwardingEntry: Hashable, Sendable {
    /// The Ethernet address; all zero for "everything else" of a VXLAN device.
    public var mac: MACAddress
    /// The port of a bridge, or the VXLAN device.
    public var interface: LinkIndex
    /// The station behind a VXLAN tunnel (`NDA_DST`).
    public var destination: IPAddress?
    /// The VLAN of a bridge (`NDA_VLAN`).
    public var vlan: UInt16?
    /// Whether the entry is usable and stays; `noARP` with `permanent` means a local address of a bridge.
    public var state: NeighborState
    /// Whose table it is in.
    public var table: Table
    /// Who added it (`NDA_PROTOCOL`); nil for nobody in particular.
    public var protocolNumber: UInt8?

    /// Whose table an entry is in.
    public enum Table: Hashable, Sendable {
        /// The interface's own (`NTF_SELF`): VXLAN devices.
        case device
        /// That of the bridge the interface is a port of (`NTF_MASTER`).
        case bridge
    }

    /// Describes an entry, permanent in the interface's own table unless said otherwise.
    public init(
        mac: MACAddress,
        interface: LinkIndex,
        destination: IPAddress? = nil,
        vlan: UInt16? = nil,
        state: NeighborState = .permanent,
        table: Table = .device,
        protocolNumber: UInt8? = nil
    ) {
        self.mac = mac
        self.interface = interface
        self.destination = destination
        self.vlan = vlan
        self.state = state
        self.table = table
        self.protocolNumber = protocolNumber
    }
}

/// What is known of a neighbour, and for how long (`ndm_state`).
public struct NeighborState: OptionSet, Hashable, Sendable {
    /// The bits of `ndm_state`.
    public let rawValue: UInt16
    /// Creates a state from bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The corresponding C constant is `NUD_INCOMPLETE`.
    public static var incomplete: NeighborState { NeighborState(rawValue: 0x1) }
    /// The corresponding C constant is `NUD_REACHABLE`: confirmed lately.
    public static var reachable: NeighborState { NeighborState(rawValue: 0x2) }
    /// The corresponding C constant is `NUD_STALE`.
    public static var stale: NeighborState { NeighborState(rawValue: 0x4) }
    /// The corresponding C constant is `NUD_FAILED`.
    public static var failed: NeighborState { NeighborState(rawValue: 0x20) }
    /// The corresponding C constant is `NUD_NOARP`: needs no confirmation.
    public static var noARP: NeighborState { NeighborState(rawValue: 0x40) }
    /// The corresponding C constant is `NUD_PERMANENT`.
    public static var permanent: NeighborState { NeighborState(rawValue: 0x80) }
}
