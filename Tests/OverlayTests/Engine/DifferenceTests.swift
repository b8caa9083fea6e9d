// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import Overlay
import RouteNetlink
import Testing

@Suite struct Differences {
    let desired: DesiredState
    let index = LinkIndex(rawValue: 7)

    init() throws { desired = try Fleet.desired([try Fleet.lease(2), try Fleet.lease(3, .hostGateway)]) }

    func changes(_ change: (inout KernelState) throws -> Void) throws -> [Change] {
        var kernel = KernelState(holding: desired)
        try change(&kernel)
        return Difference(desired: desired, kernel: kernel).changes
    }

    func peer(_ family: AddressFamily) throws -> TunnelPeer { try #require(desired.devices[family]?.peers.first) }

    static let backends: [NetworkConfiguration.Backend] = [
        .vxlan(.init()), Fleet.directRouting, .hostGateway, .alloc,
    ]

    @Test(arguments: backends)
    func `nothing is to be done when the kernel holds what is desired`(
        backend: NetworkConfiguration.Backend
    ) throws {
        let peers = try (2...20).map { try Fleet.lease($0, backend.type) }
        let desired = try Fleet.desired(peers, backend)
        let difference = Difference(desired: desired, kernel: KernelState(holding: desired), adopting: true)
        #expect(difference.isEmpty)
        #expect(difference.foreignRoutes.isEmpty && difference.conflictingRoutes.isEmpty)
    }

    @Test(arguments: AddressFamily.allCases)
    func `each thing that is missing is one change`(family: AddressFamily) throws {
        let peer = try peer(family)
        let device = try #require(desired.devices[family])
        #expect(try changes { $0.devices[family]?.addresses = [] } == [.addAddress(device.address, family)])
        #expect(try changes { $0.devices[family]?.neighbors = [] } == [.setNeighbor(peer.address, peer.mac, family)])
        #expect(
            try changes { $0.devices[family]?.forwardingEntries = [] }
                == [.setForwardingEntry(peer.mac, peer.endpoint, family)]
        )
        let routes = desired.routes.filter { $0.destination.family == family }
        for route in routes {
            let missing = try changes { $0.routes[family]?.removeAll { $0.destination == route.destination } }
            #expect(missing == [.addRoute(route)])
        }
        #expect(try changes { $0.devices[family]?.link.flags = [] } == [.bringUp(family)])
        #expect(try changes { $0.devices[family]?.link.mtu = 1400 } == [.setMTU(device.mtu, family)])
        #expect(
            try changes { $0.devices[family]?.link.routerAdvertisements = 1 }
                == [.refuseAdvertisements(name: device.name)]
        )
    }

    @Test(arguments: AddressFamily.allCases)
    func `a changed address of the device takes all neighbours along`(family: AddressFamily) throws {
        let peer = try peer(family)
        let mac = try #require(desired.devices[family]?.mac)
        let other = try Fleet.mac("02:00:00:00:00:99")
        #expect(
            try changes { $0.devices[family]?.link.mac = other }
                == [.setMAC(mac, family), .setNeighbor(peer.address, peer.mac, family)]
        )
    }

    @Test func `whether the device learns is changed in place`() throws {
        var settings = try #require(desired.devices.v4?.settings)
        settings.learning = true
        let data = KernelState.Device.kindData(settings)
        #expect(try changes { $0.devices.v4?.link.kindData = data } == [.setLearning(false, .v4)])
    }

    /// Settings of a device that are changed in place.
    static let movable: [@Sendable (inout VXLANSettings) throws -> Void] = [
        { $0.underlay = LinkIndex(rawValue: 3) }, { $0.underlay = nil },
        { $0.local = try Fleet.address("192.0.2.99") },
    ]

    @Test(arguments: movable.indices)
    func `by which address and interface packets leave is changed in place`(index: Int) throws {
        var settings = try #require(desired.devices.v4?.settings)
        let (local, underlay) = (try #require(settings.local), try #require(settings.underlay))
        try Self.movable[index](&settings)
        let data = KernelState.Device.kindData(settings)
        #expect(
            try changes { $0.devices.v4?.link.kindData = data } == [.setUnderlay(local: local, underlay, .v4)]
        )
    }

    /// Settings of a device that cannot be changed.
    static let incompatibilities: [@Sendable (inout VXLANSettings) throws -> Void] = [
        { $0.vni = 2 }, { $0.local = try Fleet.address("2001:db8::99") }, { $0.local = nil }, { $0.port = 4789 },
        { $0.groupBasedPolicy = true },
    ]

    @Test(arguments: incompatibilities.indices)
    func `a device that cannot become the right one is made anew, with all that is on it`(index: Int) throws {
        let device = try #require(desired.devices.v4)
        var settings = device.settings
        try Self.incompatibilities[index](&settings)
        var kernel = KernelState(holding: desired)
        kernel.devices.v4?.link.kindData = KernelState.Device.kindData(settings)
        let link = try #require(kernel.devices.v4?.link)
        let peer = try peer(.v4)
        let route = try #require(desired.routes.first { $0.destination.family == .v4 && $0.usesTunnel })
        #expect(
            Difference(desired: desired, kernel: kernel).changes == [
                .removeDevice(link),
                .addDevice(
                    VXLANOptions(name: device.name, mac: device.mac, mtu: device.mtu, settings: device.settings),
                    .v4
                ),
                .refuseAdvertisements(name: device.name), .addAddress(device.address, .v4), .bringUp(.v4),
                .setForwardingEntry(peer.mac, peer.endpoint, .v4), .setNeighbor(peer.address, peer.mac, .v4),
                .addRoute(route),
            ]
        )
    }

    @Test func `a link of another kind in the device's place goes, too`() throws {
        let changes = try changes { $0.devices.v4?.link.kind = "bridge" }
        #expect(changes.prefix(2).map(\.kind) == [.deviceRemoved, .deviceAdded])
    }

    @Test func `what is superfluous on the device goes, routes first`() throws {
        let stale = try Fleet.lease(9)
        let full = try Fleet.desired([try Fleet.lease(2), try Fleet.lease(3, .hostGateway), stale])
        let changes = Difference(desired: desired, kernel: KernelState(holding: full)).changes
        #expect(
            changes.map(\.kind) == [
                .routeRemoved, .routeRemoved, .forwardingEntryRemoved, .neighborRemoved, .forwardingEntryRemoved,
                .neighborRemoved,
            ]
        )
    }

    @Test func `a peer's new Ethernet address replaces the neighbour and removes the old forwarding entry`() throws {
        let mac = try Fleet.mac("02:00:00:00:00:22")
        let new = try Fleet.desired([try Fleet.lease(2, mac: mac), try Fleet.lease(3, .hostGateway)])
        let changes = Difference(desired: new, kernel: KernelState(holding: desired)).changes
        #expect(
            changes.map(\.kind) == [
                .forwardingEntrySet, .neighborSet, .forwardingEntrySet, .neighborSet, .forwardingEntryRemoved,
                .forwardingEntryRemoved,
            ]
        )
    }

    @Test func `a peer's new public address replaces the entry, and of several destinations one remains`() throws {
        let peer = try peer(.v4)
        let wrong = ForwardingEntry(
            mac: peer.mac,
            interface: index,
            destination: try Fleet.address("198.51.100.1")
        )
        let right = ForwardingEntry(mac: peer.mac, interface: index, destination: peer.endpoint)
        var other = wrong
        other.destination = try Fleet.address("198.51.100.2")
        let set = Change.setForwardingEntry(peer.mac, peer.endpoint, .v4)
        #expect(try changes { $0.devices.v4?.forwardingEntries = [wrong] } == [set])
        #expect(
            try changes { $0.devices.v4?.forwardingEntries = [wrong, right] } == [.removeForwardingEntry(wrong)]
        )
        #expect(
            try changes { $0.devices.v4?.forwardingEntries = [wrong, other] }
                == [.removeForwardingEntry(wrong), .removeForwardingEntry(other), set]
        )
    }

    @Test func `what the kernel learns or makes by itself stays`() throws {
        let address = try Fleet.address("10.244.200.1")
        let mac = try Fleet.mac("02:00:00:00:00:33")
        let changes = try changes { kernel in
            kernel.devices.v4?.neighbors += [
                NeighborEntry(address: address, mac: mac, interface: index, state: .reachable),
                NeighborEntry(address: try Fleet.address("224.0.0.1"), mac: nil, interface: index, state: .noARP),
            ]
            kernel.devices.v4?.forwardingEntries.append(
                ForwardingEntry(mac: mac, interface: index, destination: address, state: .reachable)
            )
            var linkLocal = LinkAddress(prefix: try Fleet.prefix("fe80::1/64"), scope: 253)
            linkLocal.interface = LinkIndex(rawValue: 8)
            kernel.devices.v6?.addresses.append(linkLocal)
            kernel.routes.v4?.append(
                Route(destination: try Fleet.prefix("10.244.1.0/32"), interface: index, protocolNumber: 2)
            )
        }
        #expect(changes.isEmpty)
    }

    @Test func `a family that cannot be looked after stays as it is`() throws {
        let kernel = KernelState(holding: desired)
        let half = DesiredState(
            own: try Fleet.lease(1),
            peers: [],
            uplink: try Fleet.uplink(1, families: [.v6]),
            configuration: try Fleet.configuration()
        )
        let changes = Difference(desired: half, kernel: kernel).changes
        #expect(!changes.isEmpty)
        for change in changes {
            if case .removeRoute(let route) = change { #expect(route.destination.family == .v6) }
        }
    }

    @Test func `with alloc the routes of an earlier backend go, and those of others stay`() throws {
        var kernel = KernelState(holding: try Fleet.desired([try Fleet.lease(2, .hostGateway)], .hostGateway))
        let other = Route(
            destination: try Fleet.subnet(5, .v4),
            gateway: try Fleet.node(5, .v4),
            interface: desired.uplinks.v4,
            protocolNumber: 4
        )
        kernel.routes.v4?.append(other)
        let difference = Difference(desired: try Fleet.desired([], .alloc), kernel: kernel)
        #expect(difference.changes.map(\.kind) == [.routeRemoved, .routeRemoved])
        #expect(difference.conflictingRoutes.isEmpty && difference.foreignRoutes.isEmpty)
    }

    @Test func `an entry that would expire becomes permanent`() throws {
        let peer = try peer(.v4)
        #expect(
            try changes { $0.devices.v4?.neighbors[0].state = .stale }
                == [.setNeighbor(peer.address, peer.mac, .v4)]
        )
        #expect(
            try changes { $0.devices.v4?.forwardingEntries[0].state = .reachable }
                == [.setForwardingEntry(peer.mac, peer.endpoint, .v4)]
        )
    }

    @Test func `addresses on the device are ours, and one that another station has is given again`() throws {
        let device = try #require(desired.devices.v6)
        var other = LinkAddress(prefix: try Fleet.prefix("fd00:244:0:9::/128"))
        other.interface = LinkIndex(rawValue: 8)
        #expect(try changes { $0.devices.v6?.addresses.append(other) } == [.removeAddress(other)])
        var failed = LinkAddress(prefix: device.address, flags: .dadFailed)
        failed.interface = LinkIndex(rawValue: 8)
        #expect(
            try changes { $0.devices.v6?.addresses = [failed] }
                == [.removeAddress(failed), .addAddress(device.address, .v6)]
        )
    }
}
