// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import Netlink

/// A route (`ip route`).
public struct Route: Hashable, Sendable {
    /// Where it leads; `IPPrefix.everything` for the default route.
    public var destination: IPPrefix
    /// The next station (`RTA_GATEWAY`; `RTA_VIA` when it is of the other family); nil for a neighbour network.
    public var gateway: IPAddress?
    /// The interface that packets leave by (`RTA_OIF`).
    public var interface: LinkIndex?
    /// The source address of packets that do not have one yet (`RTA_PREFSRC`).
    public var source: IPAddress?
    /// The metric: lower wins (`RTA_PRIORITY`); nil for the kernel's default, 0, and 1024 for IPv6.
    public var priority: UInt32?
    /// The table (`RTA_TABLE`); nil for the main table, 254.
    public var table: UInt32?
    /// How far the destination is: 0 anywhere, 253 on the link, 254 on the host (`rtm_scope`).
    ///
    /// In a request nil means 0 with a gateway, else the link; IPv6 knows none.
    public var scope: UInt8?
    /// Who added it (`rtm_protocol`): 2 the kernel, 3 `ip route`, 4 an administrator; nil in a request means 3.
    public var protocolNumber: UInt8?
    /// The largest packet for this route in bytes (`RTAX_MTU`).
    public var mtu: UInt32?
    /// The largest TCP segment to announce, in bytes (`RTAX_ADVMSS`).
    public var advertisedMSS: UInt32?
    /// Whether the gateway counts as reachable without an address in its subnet (`RTNH_F_ONLINK`).
    public var isOnLink: Bool
    /// What happens to packets.
    public var type: RouteType
    /// Attributes that are not interpreted here, such as `RTA_MULTIPATH`.
    public var unknownAttributes: [UnknownAttribute] = []

    /// Describes a route.
    public init(
        destination: IPPrefix,
        gateway: IPAddress? = nil,
        interface: LinkIndex? = nil,
        source: IPAddress? = nil,
        priority: UInt32? = nil,
        table: UInt32? = nil,
        scope: UInt8? = nil,
        protocolNumber: UInt8? = nil,
        mtu: UInt32? = nil,
        advertisedMSS: UInt32? = nil,
        isOnLink: Bool = false,
        type: RouteType = .unicast
    ) {
        self.destination = destination
        self.gateway = gateway
        self.interface = interface
        self.source = source
        self.priority = priority
        self.table = table
        self.scope = scope
        self.protocolNumber = protocolNumber
        self.mtu = mtu
        self.advertisedMSS = advertisedMSS
        self.isOnLink = isOnLink
        self.type = type
    }
}

/// What a route does with packets (`rtm_type`).
public struct RouteType: RawRepresentable, Hashable, Sendable {
    /// The value of `rtm_type`.
    public let rawValue: UInt8
    /// Creates a type from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The corresponding C constant is `RTN_UNICAST`.
    public static var unicast: RouteType { RouteType(rawValue: 1) }
    /// The corresponding C constant is `RTN_LOCAL`: for this host.
    public static var local: RouteType { RouteType(rawValue: 2) }
    /// The corresponding C constant is `RTN_BROADCAST`.
    public static var broadcast: RouteType { RouteType(rawValue: 3) }
    /// The corresponding C constant is `RTN_ANYCAST`.
    public static var anycast: RouteType { RouteType(rawValue: 4) }
    /// The corresponding C constant is `RTN_MULTICAST`.
    public static var multicast: RouteType { RouteType(rawValue: 5) }
    /// The corresponding C constant is `RTN_BLACKHOLE`: dropped silently.
    public static var blackhole: RouteType { RouteType(rawValue: 6) }
    /// The corresponding C constant is `RTN_UNREACHABLE`: the sender is told.
    public static var unreachable: RouteType { RouteType(rawValue: 7) }
    /// The corresponding C constant is `RTN_PROHIBIT`: the sender is told that it is forbidden.
    public static var prohibit: RouteType { RouteType(rawValue: 8) }
}
