// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

extension Link {
    /// Reads what follows the header of an `RTM_NEWLINK` or `RTM_DELLINK`: `struct ifinfomsg` and attributes.
    init(reading payload: borrowing RawSpan) throws(NetlinkError) {
        index = LinkIndex(rawValue: try payload.field(at: 4))
        flags = InterfaceFlags(rawValue: try payload.field(at: 8))
        let isOfBridgeFamily = try payload.field(at: 0, UInt8.self) == UInt8(AF_BRIDGE)
        var portKind: String?
        var portData: [UInt8] = []
        try AttributeReader.forEach(in: payload, after: 16) { (type, value) throws(NetlinkError) in
            switch type {
            case IFLA_IFNAME: name = value.string
            case IFLA_ADDRESS: mac = MACAddress(octets: value.octets)
            case IFLA_MTU: mtu = Int(try value.integer(UInt32.self))
            case IFLA_OPERSTATE: operationalState = OperationalState(rawValue: try value.integer())
            case IFLA_MASTER: masterIndex = try LinkIndex(nonZero: value)
            case IFLA_LINK: peerIndex = try LinkIndex(nonZero: value)
            case IFLA_LINK_NETNSID: peerNamespaceID = try value.integer()
            case IFLA_IFALIAS: alias = value.string
            case IFLA_PROMISCUITY: promiscuityCount = try value.integer()
            case IFLA_LINKINFO:
                try AttributeReader.forEach(in: value) { (type, value) throws(NetlinkError) in
                    switch type {
                    case IFLA_INFO_KIND: kind = value.string
                    case IFLA_INFO_DATA: kindData = value.octets
                    case IFLA_INFO_SLAVE_KIND: portKind = value.string
                    case IFLA_INFO_SLAVE_DATA: portData = value.octets
                    default: break
                    }
                }
            // In a message of the bridge family it holds VLANs, whose numbers mean other things.
            case IFLA_AF_SPEC where !isOfBridgeFamily: try readFamilies(value)
            // A message of the bridge family says what a port is like in this attribute instead.
            case IFLA_PROTINFO:
                portKind = "bridge"
                portData = value.octets
            default: break
            }
        }
        if kind == "bridge" {
            let bridgeData = kindData
            try readBridge(bridgeData.span.bytes)
        }
        if portKind == "bridge" { try readBridgePort(portData.span.bytes) }
    }

    /// The settings under /proc/sys/net/ipv4/conf and /proc/sys/net/ipv6/conf, in the order of the kernel's numbers.
    private mutating func readFamilies(_ data: borrowing RawSpan) throws(NetlinkError) {
        try AttributeReader.forEach(in: data) { (family, value) throws(NetlinkError) in
            guard family == AF_INET || family == AF_INET6 else { return }
            try AttributeReader.forEach(in: value) { (type, settings) throws(NetlinkError) in
                if family == AF_INET, type == IFLA_INET_CONF {
                    // The numbers of IPv4's settings begin with 1.
                    let number = IPV4_DEVCONF_ROUTE_LOCALNET - 1
                    guard settings.byteCount >= 4 * (number + 1) else { return }
                    routesLoopback = try settings.field(at: 4 * number, Int32.self) != 0
                } else if family == AF_INET6, type == IFLA_INET6_CONF {
                    let number = DEVCONF_ACCEPT_RA
                    guard settings.byteCount >= 4 * (number + 1) else { return }
                    routerAdvertisements = try settings.field(at: 4 * number)
                }
            }
        }
    }

    private mutating func readBridge(_ data: borrowing RawSpan) throws(NetlinkError) {
        try AttributeReader.forEach(in: data) { (type, value) throws(NetlinkError) in
            switch type {
            case IFLA_BR_VLAN_FILTERING: vlanFiltering = try value.integer(UInt8.self) != 0
            case IFLA_BR_VLAN_DEFAULT_PVID: defaultPVID = try value.integer()
            case IFLA_BR_MCAST_SNOOPING: multicastSnooping = try value.integer(UInt8.self) != 0
            default: break
            }
        }
        // Timers and counters in there change by themselves and would make equal links differ.
        kindData = []
    }

    private mutating func readBridgePort(_ data: borrowing RawSpan) throws(NetlinkError) {
        try AttributeReader.forEach(in: data) { (type, value) throws(NetlinkError) in
            switch type {
            case IFLA_BRPORT_MODE: hairpinMode = try value.integer(UInt8.self) != 0
            case IFLA_BRPORT_ISOLATED: isIsolated = try value.integer(UInt8.self) != 0
            default: break
            }
        }
    }
}

extension LinkIndex {
    /// An index in an attribute; nil for 0, by which the kernel means none.
    init?(nonZero value: borrowing RawSpan) throws(NetlinkError) {
        let number = try value.integer(UInt32.self)
        if number == 0 { return nil }
        self.init(rawValue: number)
    }
}
