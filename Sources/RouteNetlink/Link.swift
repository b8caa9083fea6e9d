// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// A network interface as the kernel describes it (`ip -d link show`).
public struct Link: Hashable, Sendable {
    /// Its number in its namespace.
    public var index: LinkIndex
    /// Its name (`IFLA_IFNAME`), up to 15 bytes.
    public var name: String = ""
    /// What made it: "bridge", "veth", "vxlan" … (`IFLA_INFO_KIND`); nil for hardware and the loopback interface.
    public var kind: String?
    /// Its Ethernet address (`IFLA_ADDRESS`); nil where it has none.
    public var mac: MACAddress?
    /// The largest packet in bytes (`IFLA_MTU`).
    public var mtu: Int = 0
    /// The bits of `ifi_flags`.
    public var flags: InterfaceFlags = []
    /// Whether it can carry packets (`IFLA_OPERSTATE`).
    public var operationalState: OperationalState = .unknown
    /// The bridge, bond or VRF it belongs to (`IFLA_MASTER`).
    public var masterIndex: LinkIndex?
    /// What it hangs on (`IFLA_LINK`): a veth's other end, a VLAN's or macvlan's parent.
    ///
    /// The number counts in the namespace ``peerNamespaceID`` when that is not nil.
    public var peerIndex: LinkIndex?
    /// The id of the namespace that ``peerIndex`` is in (`IFLA_LINK_NETNSID`); nil for this one.
    public var peerNamespaceID: Int32?
    /// A text given by an administrator (`IFLA_IFALIAS`).
    public var alias: String?
    /// How many users want all packets (`IFLA_PROMISCUITY`); a bridge counts for each of its ports.
    public var promiscuityCount: UInt32 = 0
    /// Whether a bridge tells VLANs apart (`IFLA_BR_VLAN_FILTERING`).
    ///
    /// nil for other links, and where the kernel has no bridge VLAN filtering.
    public var vlanFiltering: Bool?
    /// The VLAN a new port of a bridge gets (`IFLA_BR_VLAN_DEFAULT_PVID`), 0 for none; nil as ``vlanFiltering``.
    public var defaultPVID: UInt16?
    /// Whether a bridge sends multicast only to ports that asked for it (`IFLA_BR_MCAST_SNOOPING`).
    public var multicastSnooping: Bool?
    /// Whether a bridge port may send a frame back where it came from (`IFLA_BRPORT_MODE`); nil for no port.
    public var hairpinMode: Bool?
    /// Whether a bridge port reaches only ports that are not isolated (`IFLA_BRPORT_ISOLATED`); nil for no port.
    public var isIsolated: Bool?
    /// Whether packets from and to 127.0.0.0/8 may pass it (`net.ipv4.conf.<name>.route_localnet`).
    ///
    /// nil where the message says nothing of IPv4.
    public var routesLoopback: Bool?
    /// Whether it listens to router advertisements (`net.ipv6.conf.<name>.accept_ra`).
    ///
    /// 0 for no, 1 unless it forwards, 2 for always; nil where the message says nothing of IPv6.
    public var routerAdvertisements: Int32?
    /// The settings of its kind as the kernel wrote them (`IFLA_INFO_DATA`), for kinds not interpreted here.
    public var kindData: [UInt8] = []

    /// A link of which nothing but the number is known.
    public init(index: LinkIndex) { self.index = index }

    /// Whether an administrator switched it on (`IFF_UP`).
    public var isUp: Bool { flags.contains(.up) }
    /// Whether it is up and can carry packets (`IFF_RUNNING`).
    public var isRunning: Bool { flags.contains(.running) }
    /// Whether an administrator asked for all packets (`IFF_PROMISC`).
    public var isPromiscuous: Bool { flags.contains(.promiscuous) }
    /// Whether it is a loopback interface (`IFF_LOOPBACK`).
    public var isLoopback: Bool { flags.contains(.loopback) }
}

/// The state of an interface (`ifi_flags`, netdevice(7)).
public struct InterfaceFlags: OptionSet, Hashable, Sendable {
    /// The bits of `ifi_flags`.
    public let rawValue: UInt32
    /// Creates flags from bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The corresponding C constant is `IFF_UP`.
    public static var up: InterfaceFlags { InterfaceFlags(rawValue: 0x1) }
    /// The corresponding C constant is `IFF_LOOPBACK`.
    public static var loopback: InterfaceFlags { InterfaceFlags(rawValue: 0x8) }
    /// The corresponding C constant is `IFF_RUNNING`.
    public static var running: InterfaceFlags { InterfaceFlags(rawValue: 0x40) }
    /// The corresponding C constant is `IFF_PROMISC`.
    public static var promiscuous: InterfaceFlags { InterfaceFlags(rawValue: 0x100) }
    /// The corresponding C constant is `IFF_LOWER_UP`.
    public static var lowerUp: InterfaceFlags { InterfaceFlags(rawValue: 0x10000) }
}

/// Whether an interface can carry packets (RFC 2863, `ifOperStatus`).
public struct OperationalState: RawRepresentable, Hashable, Sendable {
    /// The value of `IFLA_OPERSTATE`.
    public let rawValue: UInt8
    /// Creates a state from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The corresponding C constant is `IF_OPER_UNKNOWN`: the driver does not say; loopback interfaces are so.
    public static var unknown: OperationalState { OperationalState(rawValue: 0) }
    /// The corresponding C constant is `IF_OPER_DOWN`.
    public static var down: OperationalState { OperationalState(rawValue: 2) }
    /// The corresponding C constant is `IF_OPER_LOWERLAYERDOWN`: a veth whose other end is down.
    public static var lowerLayerDown: OperationalState { OperationalState(rawValue: 3) }
    /// The corresponding C constant is `IF_OPER_DORMANT`.
    public static var dormant: OperationalState { OperationalState(rawValue: 5) }
    /// The corresponding C constant is `IF_OPER_UP`.
    public static var up: OperationalState { OperationalState(rawValue: 6) }
}
