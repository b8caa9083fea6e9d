// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import RouteNetlink

/// A VXLAN device as it should be, with what it has to know of the other nodes.
public struct TunnelDevice: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Its Ethernet address.
    public var mac: MACAddress
    /// Its MTU in bytes.
    public var mtu: Int
    /// What it is like.
    public var settings: VXLANSettings
    /// Whether packets may come to it whose checksum is left to compute; true leaves it as it is.
    public var checksumOffload: Bool
    /// Its address: the first of this node's subnet, alone.
    public var address: IPPrefix
    /// The nodes behind it, in the order of their addresses.
    public var peers: [TunnelPeer] = []

    /// The device for this node's packets of a family.
    init(
        _ own: Lease,
        _ family: AddressFamily,
        _ subnet: IPPrefix,
        local: IPAddress,
        _ uplink: Uplink,
        _ options: NetworkConfiguration.VXLANOptions
    ) {
        name = TunnelDevice.name(vni: options.vni, family)
        mac = TunnelDevice.chooseMAC(
            vni: options.vni,
            subnet: subnet,
            adopted: nil,
            published: own.attributes.vxlanEndpoints[family]
        )
        // The kernel would cut what the uplink cannot carry, and the device would never be as it should be.
        mtu = min(options.underlayMTU ?? uplink.mtu, uplink.mtu) - TunnelDevice.overhead(local.family)
        settings = VXLANSettings(
            vni: options.vni,
            underlay: uplink.index,
            local: local,
            port: options.port ?? VXLANSettings.linuxPort,
            learning: options.learning,
            groupBasedPolicy: options.groupBasedPolicy
        )
        checksumOffload = options.checksumOffload
        address = IPPrefix(host: subnet.first)
    }

    /// The name of a family's device: `flannel.1`, `flannel-v6.1`.
    ///
    /// Where that has more than the 15 bytes of an interface's name, it is `fl-v4.…` or `fl-v6.…`.
    public static func name(vni: UInt32, _ family: AddressFamily) -> String {
        let name = family == .v4 ? "flannel.\(vni)" : "flannel-v6.\(vni)"
        if name.utf8.count <= 15 { return name }
        return family == .v4 ? "fl-v4.\(vni)" : "fl-v6.\(vni)"
    }

    /// Whether a name is one that ``name(vni:_:)`` gives.
    static func isName(_ name: String) -> Bool {
        ["flannel.", "flannel-v6.", "fl-v4.", "fl-v6."].contains { name.hasPrefix($0) }
    }

    /// What encapsulation adds to a packet, in bytes: outer IP, UDP, VXLAN and inner Ethernet headers.
    public static func overhead(_ underlay: AddressFamily) -> Int { underlay == .v4 ? 50 : 70 }

    /// The Ethernet address that a node's device should have.
    ///
    /// A device that is there keeps its own, for the other nodes send to it; else it gets what the node published last;
    /// else one that is the same each time.
    public static func chooseMAC(
        vni: UInt32,
        subnet: IPPrefix,
        adopted: MACAddress?,
        published: VXLANEndpoint?
    ) -> MACAddress {
        if let adopted, adopted.isStation { return adopted }
        if let published, published.vni == vni, published.mac.isStation { return published.mac }
        return derivedMAC(vni: vni, subnet: subnet)
    }

    /// A locally administered address that depends on the network's identifier and the node's subnet alone.
    static func derivedMAC(vni: UInt32, subnet: IPPrefix) -> MACAddress {
        // FNV-1a, and a last step that spreads each bit over the 46 that count. Nobody gains from a collision: who can
        // publish a lease can publish any address.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        let input = (0..<4).map { UInt8(truncatingIfNeeded: vni >> (24 - 8 * $0)) } + [subnet.family == .v4 ? 4 : 6]
        for byte in input + subnet.first.octets + [UInt8(subnet.length)] {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        hash = (hash ^ hash >> 31) &* 0xbf58_476d_1ce4_e5b9
        hash ^= hash >> 29
        let octets = (0..<6).map { UInt8(truncatingIfNeeded: hash >> (40 - 8 * $0)) }
        guard let mac = MACAddress(hash: octets) else { preconditionFailure("six octets are an address") }
        return mac
    }
}

/// A node behind a tunnel device.
public struct TunnelPeer: Hashable, Sendable {
    /// The first address of its subnet: the gateway of the route to it.
    public var address: IPAddress
    /// The Ethernet address of its device.
    public var mac: MACAddress
    /// Where encapsulated packets for it go.
    public var endpoint: IPAddress

    /// Describes a node.
    public init(address: IPAddress, mac: MACAddress, endpoint: IPAddress) {
        self.address = address
        self.mac = mac
        self.endpoint = endpoint
    }
}

extension MACAddress {
    /// Whether it can be the address of one station.
    var isStation: Bool { !isMulticast && !isZero }
}
