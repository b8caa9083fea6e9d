// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import Overlay
import RouteNetlink
import Testing

/// Nodes with numbers: node 3 has the subnets 10.244.3.0/24 and fd00:244:0:3::/64 and the addresses 192.0.2.3 and
/// 2001:db8::3.
enum Fleet {
    static func prefix(_ text: String) throws -> IPPrefix {
        let prefix = IPPrefix(text)
        return try #require(prefix)
    }

    static func address(_ text: String) throws -> IPAddress {
        let address = IPAddress(text)
        return try #require(address)
    }

    static func mac(_ text: String) throws -> MACAddress {
        let mac = MACAddress(text)
        return try #require(mac)
    }

    static func subnet(_ number: Int, _ family: AddressFamily) throws -> IPPrefix {
        try prefix(family == .v4 ? "10.244.\(number).0/24" : "fd00:244:0:\(number)::/64")
    }

    static func node(_ number: Int, _ family: AddressFamily) throws -> IPAddress {
        try address(family == .v4 ? "192.0.2.\(number)" : "2001:db8::\(number)")
    }

    /// What the node's daemon publishes.
    static func lease(
        _ number: Int,
        _ type: BackendType = .vxlan,
        families: [AddressFamily] = AddressFamily.allCases,
        mac: MACAddress? = nil,
        vni: UInt32 = 1
    ) throws -> Lease {
        var lease = Lease(
            subnets: PerFamily(),
            attributes: LeaseAttributes(publicAddresses: PerFamily(), backendType: type)
        )
        for family in families {
            let subnet = try subnet(number, family)
            lease.subnets[family] = subnet
            lease.attributes.publicAddresses[family] = try node(number, family)
            guard type == .vxlan else { continue }
            let chosen = TunnelDevice.chooseMAC(vni: vni, subnet: subnet, adopted: mac, published: nil)
            lease.attributes.backendData[family] = ["VNI": .integer(Int64(vni)), "VtepMAC": .string("\(chosen)")]
        }
        return lease
    }

    static func uplink(
        _ number: Int,
        index: LinkIndex = LinkIndex(rawValue: 2),
        families: [AddressFamily] = AddressFamily.allCases
    ) throws -> Uplink {
        var addresses = PerFamily<IPPrefix>()
        for family in families {
            addresses[family] = IPPrefix(try node(number, family), length: family == .v4 ? 24 : 64)
        }
        return Uplink(index: index, name: "eth0", mtu: 1500, addresses: addresses)
    }

    static func configuration(
        _ backend: NetworkConfiguration.Backend = .vxlan(.init()),
        families: [AddressFamily] = AddressFamily.allCases
    ) throws -> NetworkConfiguration {
        var configured = PerFamily<NetworkConfiguration.Family>()
        for family in families {
            configured[family] = NetworkConfiguration.Family(
                network: try prefix(family == .v4 ? "10.244.0.0/16" : "fd00:244::/48"),
                subnetLength: family == .v4 ? 24 : 64,
                firstSubnet: try subnet(1, family),
                lastSubnet: try subnet(255, family)
            )
        }
        return NetworkConfiguration(families: configured, backend: backend)
    }

    static var directRouting: NetworkConfiguration.Backend {
        var options = NetworkConfiguration.VXLANOptions()
        options.directRouting = true
        return .vxlan(options)
    }

    /// What node 1 should have.
    static func desired(
        _ peers: [Lease],
        _ backend: NetworkConfiguration.Backend = .vxlan(.init())
    ) throws -> DesiredState {
        DesiredState(
            own: try lease(1, backend.type),
            peers: peers,
            uplink: try uplink(1),
            configuration: try configuration(backend)
        )
    }
}

extension KernelState {
    /// The kernel after a first run: everything that is desired and nothing else.
    init(holding desired: DesiredState) {
        self.init()
        for family in desired.scopes.families {
            let index = LinkIndex(rawValue: family == .v4 ? 7 : 8)
            if let wanted = desired.devices[family] {
                devices[family] = Device(wanted, index)
            }
            routes[family] = desired.routes.filter { $0.destination.family == family }.map { route in
                Route(
                    destination: route.destination,
                    gateway: route.gateway,
                    interface: route.usesTunnel ? index : desired.uplinks[family],
                    priority: family == .v4 ? nil : 1024,
                    table: 254,
                    scope: 0,
                    protocolNumber: 70,
                    isOnLink: route.usesTunnel
                )
            }
        }
    }
}

extension KernelState.Device {
    init(_ wanted: TunnelDevice, _ index: LinkIndex) {
        var link = Link(index: index)
        link.name = wanted.name
        link.kind = "vxlan"
        link.mac = wanted.mac
        link.mtu = wanted.mtu
        link.flags = [.up, .running]
        link.routerAdvertisements = 0
        link.kindData = Self.kindData(wanted.settings)
        var address = LinkAddress(prefix: wanted.address)
        address.interface = index
        self.init(
            link: link,
            addresses: [address],
            neighbors: wanted.peers.map { NeighborEntry(address: $0.address, mac: $0.mac, interface: index) },
            forwardingEntries: wanted.peers.map {
                ForwardingEntry(mac: $0.mac, interface: index, destination: $0.endpoint)
            }
        )
    }

    /// The attributes of `IFLA_INFO_DATA`, as the kernel writes them.
    static func kindData(_ settings: VXLANSettings) -> [UInt8] {
        func attribute(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
            [UInt8(payload.count + 4), 0, type, 0] + payload
                + [UInt8](repeating: 0, count: (4 - payload.count % 4) % 4)
        }
        func littleEndian(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
        var data = attribute(1, littleEndian(settings.vni))
        if let underlay = settings.underlay { data += attribute(3, littleEndian(underlay.rawValue)) }
        if let local = settings.local { data += attribute(local.family == .v4 ? 4 : 17, local.octets) }
        data += attribute(7, [settings.learning ? 1 : 0])
        data += attribute(15, [UInt8(settings.port >> 8), UInt8(settings.port & 0xff)])
        if settings.groupBasedPolicy { data += attribute(23, []) }
        return data
    }
}
