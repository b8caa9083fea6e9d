// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import Overlay
import RouteNetlink
import Testing

@Suite struct DesiredStates {
    @Test(arguments: AddressFamily.allCases)
    func `a peer with VXLAN gets a neighbour, a forwarding entry and a route through the device`(
        family: AddressFamily
    ) throws {
        let peer = try Fleet.lease(2)
        let desired = try Fleet.desired([peer])
        let device = try #require(desired.devices[family])
        #expect(device.name == (family == .v4 ? "flannel.1" : "flannel-v6.1"))
        #expect(device.mtu == (family == .v4 ? 1450 : 1430))
        let base = try Fleet.subnet(1, family).first
        #expect(device.address == IPPrefix(host: base))
        #expect(
            device.settings
                == VXLANSettings(
                    vni: 1,
                    underlay: desired.uplinks[family],
                    local: try Fleet.node(1, family),
                    port: 8472
                )
        )
        let subnet = try Fleet.subnet(2, family)
        let mac = TunnelDevice.chooseMAC(vni: 1, subnet: subnet, adopted: nil, published: nil)
        #expect(
            device.peers == [TunnelPeer(address: subnet.first, mac: mac, endpoint: try Fleet.node(2, family))]
        )
        #expect(
            desired.routes.filter { $0.destination.family == family }
                == [DesiredRoute(destination: subnet, gateway: subnet.first, usesTunnel: true)]
        )
        #expect(desired.skippedPeers.isEmpty)
    }

    @Test(arguments: AddressFamily.allCases)
    func `with host-gw, and to a peer on the link with direct routing, the route leads to the public address`(
        family: AddressFamily
    ) throws {
        let subnet = try Fleet.subnet(2, family)
        let expected = [DesiredRoute(destination: subnet, gateway: try Fleet.node(2, family), usesTunnel: false)]
        let host = try Fleet.desired([try Fleet.lease(2, .hostGateway)], .hostGateway)
        #expect(host.devices.families.isEmpty)
        #expect(host.routes.filter { $0.destination.family == family } == expected)
        let direct = try Fleet.desired([try Fleet.lease(2)], Fleet.directRouting)
        #expect(direct.routes.filter { $0.destination.family == family } == expected)
        #expect(direct.devices[family]?.peers.isEmpty == true)
        var far = try Fleet.lease(2)
        far.attributes.publicAddresses = PerFamily(
            v4: try Fleet.address("198.51.100.2"),
            v6: try Fleet.address("2001:db8:1::2")
        )
        let encapsulated = try Fleet.desired([far], Fleet.directRouting)
        #expect(encapsulated.routes.allSatisfy(\.usesTunnel) && encapsulated.routes.count == 2)
    }

    @Test func `in a mixed fleet each peer is reached as it wants to be`() throws {
        let desired = try Fleet.desired([
            try Fleet.lease(2, families: [.v4]), try Fleet.lease(3, .hostGateway, families: [.v4]),
            try Fleet.lease(4, BackendType(rawValue: "wireguard"), families: [.v4]),
            try Fleet.lease(5, .alloc, families: [.v4]),
        ])
        #expect(desired.routes.map(\.usesTunnel) == [true, false])
        #expect(desired.skippedPeers.map(\.reason) == [.backend(BackendType(rawValue: "wireguard")), .backend(.alloc)])
        // A node with VXLAN forwards what comes without it, if it is on the link.
        var far = try Fleet.lease(3, families: [.v4])
        far.attributes.publicAddresses.v4 = try Fleet.address("198.51.100.3")
        let host = try Fleet.desired([try Fleet.lease(2, families: [.v4]), far], .hostGateway)
        #expect(host.routes == [try direct(2)])
        #expect(host.skippedPeers.map(\.reason) == [.backend(.vxlan)])
        var farther = try Fleet.lease(4, .hostGateway, families: [.v4])
        farther.attributes.publicAddresses.v4 = try Fleet.address("198.51.100.4")
        #expect(try Fleet.desired([farther], .hostGateway).skippedPeers.map(\.reason) == [.notOnLink])
        #expect(try Fleet.desired([farther]).skippedPeers.map(\.reason) == [.notOnLink])
    }

    private func direct(_ number: Int) throws -> DesiredRoute {
        DesiredRoute(
            destination: try Fleet.subnet(number, .v4),
            gateway: try Fleet.node(number, .v4),
            usesTunnel: false
        )
    }

    @Test func `alloc wants nothing, and skips nobody`() throws {
        let desired = try Fleet.desired([try Fleet.lease(2)], .alloc)
        #expect(desired.routes.isEmpty && desired.devices.families.isEmpty && desired.skippedPeers.isEmpty)
        #expect(desired.scopes.families == [.v4, .v6])
    }

    @Test func `families do not depend on each other`() throws {
        var half = try Fleet.lease(2)
        half.attributes.backendData.v6 = .null
        let desired = try Fleet.desired([half])
        #expect(desired.routes.map(\.destination.family) == [.v4])
        #expect(desired.skippedPeers.map(\.subnet.family) == [.v6])
        #expect(desired.skippedPeers.map(\.reason) == [.backendData])
        let onlyV6 = DesiredState(
            own: try Fleet.lease(1),
            peers: [try Fleet.lease(2)],
            uplink: try Fleet.uplink(1, families: [.v6]),
            configuration: try Fleet.configuration()
        )
        #expect(onlyV6.familiesWithoutUplink == [.v4])
        #expect(onlyV6.scopes.families == [.v6] && onlyV6.devices.families == [.v6])
        #expect(onlyV6.routes.map(\.destination.family) == [.v6])
        let notConfigured = DesiredState(
            own: try Fleet.lease(1),
            peers: [try Fleet.lease(2)],
            uplink: try Fleet.uplink(1),
            configuration: try Fleet.configuration(families: [.v4])
        )
        #expect(notConfigured.scopes.families == [.v4] && notConfigured.skippedPeers.isEmpty)
    }

    /// Changes to a peer's lease, and why it is left out then.
    static let faults: [(reason: SkippedPeer.Reason, change: @Sendable (inout Lease) throws -> Void)] = [
        (.notASubnet, { $0.subnets.v4 = try Fleet.prefix("10.244.2.1/24") }),
        (.notASubnet, { $0.subnets.v4 = try Fleet.prefix("fd00:244:0:2::/64") }),
        (.notASubnet, { $0.subnets.v4 = try Fleet.prefix("0.0.0.0/0") }),
        (.foreignNetwork, { $0.subnets.v4 = try Fleet.prefix("10.245.2.0/24") }),
        (.ownSubnet, { $0.subnets.v4 = try Fleet.subnet(1, .v4) }),
        (.ownSubnet, { $0.subnets.v4 = try Fleet.prefix("10.244.1.128/25") }),
        (.ownSubnet, { $0.subnets.v4 = try Fleet.prefix("10.0.0.0/8") }),
        (.noPublicAddress, { $0.attributes.publicAddresses.v4 = nil }),
        (.noPublicAddress, { $0.attributes.publicAddresses.v4 = try Fleet.address("0.0.0.0") }),
        (.noPublicAddress, { $0.attributes.publicAddresses.v4 = try Fleet.address("127.0.0.1") }),
        (.noPublicAddress, { $0.attributes.publicAddresses.v4 = try Fleet.address("239.0.0.1") }),
        (.noPublicAddress, { $0.attributes.publicAddresses.v4 = try Fleet.address("2001:db8::2") }),
        (.noPublicAddress, { $0.attributes.publicAddresses.v4 = try Fleet.address("10.244.2.9") }),
        (.ownAddress, { $0.attributes.publicAddresses.v4 = try Fleet.node(1, .v4) }),
        (.backendData, { $0.attributes.backendData.v4 = nil }),
        (.backendData, { $0.attributes.backendData.v4 = "text" }),
        (.backendData, { $0.attributes.backendData.v4 = ["VNI": 1] }),
        (.backendData, { $0.attributes.backendData.v4 = ["VNI": -1, "VtepMAC": "02:00:00:00:00:02"] }),
        (.backendData, { $0.attributes.backendData.v4 = ["VNI": 1, "VtepMAC": "02:00:00:00:00"] }),
        (.backendData, { $0.attributes.backendData.v4 = ["VNI": 1, "VtepMAC": "00:00:00:00:00:00"] }),
        (.backendData, { $0.attributes.backendData.v4 = ["VNI": 1, "VtepMAC": "01:00:5e:00:00:01"] }),
        (.otherVNI(2), { $0.attributes.backendData.v4 = ["VNI": 2, "VtepMAC": "02:00:00:00:00:02"] }),
    ]

    @Test(arguments: faults.indices)
    func `a peer with nonsense is skipped with a reason, and the others are not`(index: Int) throws {
        let fault = Self.faults[index]
        var peer = try Fleet.lease(2, families: [.v4])
        try fault.change(&peer)
        let desired = try Fleet.desired([peer, try Fleet.lease(3, families: [.v4])])
        #expect(desired.skippedPeers.map(\.reason) == [fault.reason])
        #expect(desired.skippedPeers.first.map { "\($0)".contains("\($0.subnet)") } == true)
        #expect(desired.routes.map(\.destination) == [try Fleet.subnet(3, .v4)])
    }

    @Test func `of subnets that overlap the smaller one wins, whatever the order`() throws {
        let small = try Fleet.lease(3, families: [.v4])
        let smallToo = try Fleet.lease(2, families: [.v4])
        var large = try Fleet.lease(4, families: [.v4])
        large.subnets.v4 = try Fleet.prefix("10.244.2.0/23")
        var larger = try Fleet.lease(5, families: [.v4])
        larger.subnets.v4 = try Fleet.prefix("10.244.128.0/17")
        var inside = try Fleet.lease(200, families: [.v4])
        inside.attributes.publicAddresses.v4 = try Fleet.node(6, .v4)
        let peers = [small, large, smallToo, larger, inside]
        for peers in [peers, peers.reversed()] {
            let desired = try Fleet.desired(peers)
            #expect(desired.routes.map(\.destination) == [try subnet(2), try subnet(3), try subnet(200)])
            #expect(desired.skippedPeers.map(\.reason) == [.overlaps(try subnet(2)), .overlaps(try subnet(200))])
        }
    }

    @Test func `of equal subnets the one with the lower public address wins, whatever the order`() throws {
        let first = try Fleet.lease(2, families: [.v4])
        var second = try Fleet.lease(2, families: [.v4], mac: try Fleet.mac("02:00:00:00:00:09"))
        second.attributes.publicAddresses.v4 = try Fleet.node(9, .v4)
        for peers in [[first, second], [second, first]] {
            let desired = try Fleet.desired(peers)
            #expect(desired.devices.v4?.peers.map(\.endpoint) == [try Fleet.node(2, .v4)])
            #expect(desired.skippedPeers.map(\.publicAddress) == [try Fleet.node(9, .v4)])
            #expect(desired.skippedPeers.map(\.reason) == [.overlaps(try subnet(2))])
        }
    }

    private func subnet(_ number: Int) throws -> IPPrefix { try Fleet.subnet(number, .v4) }

    @Test func `a subnet that covers the nodes' own network is not routed into the tunnel`() throws {
        var configuration = try Fleet.configuration(families: [.v4])
        configuration.families.v4?.network = try Fleet.prefix("0.0.0.0/0")
        var peer = try Fleet.lease(2, families: [.v4])
        peer.subnets.v4 = try Fleet.prefix("192.0.2.0/25")
        peer.attributes.publicAddresses.v4 = try Fleet.address("198.51.100.1")
        let desired = DesiredState(
            own: try Fleet.lease(1),
            peers: [peer],
            uplink: try Fleet.uplink(1),
            configuration: configuration
        )
        #expect(desired.skippedPeers.map(\.reason) == [.coversUplink(try Fleet.prefix("192.0.2.0/24"))])
    }

    @Test func `an Ethernet address leads to one node only`() throws {
        let mac = try Fleet.mac("02:00:00:00:00:02")
        let two = try Fleet.lease(2, families: [.v4], mac: mac)
        let three = try Fleet.lease(3, families: [.v4], mac: mac)
        #expect(try Fleet.desired([three, two]).skippedPeers.map(\.reason) == [.takenMAC(mac)])
        // A node whose subnet changed has two leases for a while.
        var moved = try Fleet.lease(4, families: [.v4], mac: mac)
        moved.attributes.publicAddresses.v4 = try Fleet.node(2, .v4)
        let desired = try Fleet.desired([two, moved])
        #expect(desired.skippedPeers.isEmpty && desired.devices.v4?.peers.count == 2)
        let own = try #require(desired.devices.v4?.mac)
        let thief = try Fleet.lease(5, families: [.v4], mac: own)
        #expect(try Fleet.desired([thief]).skippedPeers.map(\.reason) == [.takenMAC(own)])
    }

    @Test func `the device's address is that of the device, else the published one, else always the same`() throws {
        let subnet = try Fleet.subnet(1, .v4)
        let derived = TunnelDevice.chooseMAC(vni: 1, subnet: subnet, adopted: nil, published: nil)
        #expect(derived.octets[0] & 3 == 2)
        #expect(TunnelDevice.chooseMAC(vni: 1, subnet: subnet, adopted: nil, published: nil) == derived)
        var seen: Set<MACAddress> = [derived]
        for number in 2...255 {
            for family in AddressFamily.allCases {
                let other = try Fleet.subnet(number, family)
                seen.insert(TunnelDevice.chooseMAC(vni: 1, subnet: other, adopted: nil, published: nil))
            }
        }
        seen.insert(TunnelDevice.chooseMAC(vni: 2, subnet: subnet, adopted: nil, published: nil))
        #expect(seen.count == 1 + 2 * 254 + 1)
        let published = VXLANEndpoint(vni: 1, mac: try Fleet.mac("02:00:00:00:00:0a"))
        let adopted = try Fleet.mac("02:00:00:00:00:0b")
        func choose(_ adopted: MACAddress?, _ published: VXLANEndpoint?) -> MACAddress {
            TunnelDevice.chooseMAC(vni: 1, subnet: subnet, adopted: adopted, published: published)
        }
        #expect(choose(nil, published) == published.mac)
        #expect(choose(adopted, published) == adopted)
        #expect(choose(nil, VXLANEndpoint(vni: 2, mac: published.mac)) == derived)
        #expect(choose(try Fleet.mac("00:00:00:00:00:00"), nil) == derived)
        let own = try Fleet.lease(1, mac: adopted)
        let desired = DesiredState(
            own: own,
            peers: [],
            uplink: try Fleet.uplink(1),
            configuration: try Fleet.configuration()
        )
        #expect(desired.devices.v4?.mac == adopted)
    }

    @Test(arguments: [(UInt32(1), "flannel.1", "flannel-v6.1"), (9999, "flannel.9999", "flannel-v6.9999")])
    func `devices are named as flannel's`(vni: UInt32, v4: String, v6: String) {
        #expect(TunnelDevice.name(vni: vni, .v4) == v4)
        #expect(TunnelDevice.name(vni: vni, .v6) == v6)
    }

    @Test func `a name fits into fifteen bytes whatever the identifier`() {
        #expect(TunnelDevice.name(vni: 16_777_215, .v4) == "fl-v4.16777215")
        #expect(TunnelDevice.name(vni: 10_000, .v6) == "fl-v6.10000")
    }

    @Test func `options of the backend reach the device, and an MTU that the uplink cannot carry does not`() throws {
        var options = NetworkConfiguration.VXLANOptions()
        options.vni = 7
        options.port = 4789
        options.underlayMTU = 1400
        options.learning = true
        options.groupBasedPolicy = true
        let device = try #require(try Fleet.desired([], .vxlan(options)).devices.v4)
        #expect(device.name == "flannel.7" && device.mtu == 1350)
        #expect(device.settings.vni == 7 && device.settings.port == 4789)
        #expect(device.settings.learning && device.settings.groupBasedPolicy)
        options.underlayMTU = 9000
        #expect(try Fleet.desired([], .vxlan(options)).devices.v6?.mtu == 1430)
    }
}

@Suite struct UplinkPerFamilyTests {
    @Test func `families may leave by different interfaces`() throws {
        let (first, second) = (
            try Fleet.uplink(1, families: [.v4]), try Fleet.uplink(1, index: LinkIndex(rawValue: 77))
        )
        let desired = DesiredState(
            own: try Fleet.lease(1),
            peers: [try Fleet.lease(2)],
            uplinks: PerFamily(v4: first, v6: second),
            configuration: try Fleet.configuration(.vxlan(NetworkConfiguration.VXLANOptions()))
        )
        #expect(desired.uplinks.v4 == first.index)
        #expect(desired.devices.v4?.settings.underlay == first.index)
        #expect(desired.devices.v6?.settings.underlay == LinkIndex(rawValue: 77))
    }

    @Test func `a family without an uplink is left alone`() throws {
        let desired = DesiredState(
            own: try Fleet.lease(1),
            peers: [try Fleet.lease(2)],
            uplinks: PerFamily(v4: try Fleet.uplink(1)),
            configuration: try Fleet.configuration(.vxlan(NetworkConfiguration.VXLANOptions()))
        )
        #expect(desired.familiesWithoutUplink == [.v6])
        #expect(desired.scopes.families == [.v4])
    }
}
