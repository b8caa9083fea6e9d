// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

/// Packets to addresses of the own subnet that no container has.
@Suite struct Blackholes {
    let cluster: Cluster
    let engine: Engine

    init() throws {
        cluster = try Cluster([.vxlan, .vxlan])
        try cluster.reconcile(.vxlan(.init()))
        engine = try Engine(cluster.nodes[0])
    }

    func desired(own: Lease? = nil, _ backend: NetworkConfiguration.Backend = .vxlan(.init())) throws -> DesiredState {
        let uplink = try Fleet.uplink(1, index: engine.node.uplink)
        return DesiredState(
            own: own ?? engine.node.lease,
            peers: [cluster.nodes[1].lease],
            uplinks: PerFamily(v4: uplink, v6: uplink),
            configuration: try Fleet.configuration(backend),
            dropsUnclaimed: true
        )
    }

    func routes() throws -> [String] {
        try ["-4", "-6"].flatMap { family in
            try engine.node.command("ip", family, "route", "show", "type", "blackhole").split(separator: "\n")
                .map { $0.split(separator: " ").prefix(4).joined(separator: " ") }
        }
    }

    let expected = ["blackhole 10.244.1.0/24 proto 70", "blackhole fd00:244:0:1::/64 dev lo"]

    @Test func `the own subnet has a route for them that is repaired, and goes with the wish for it`() throws {
        let with = try desired()
        #expect(try engine.update(with).repairs == [.routeSet: 2])
        #expect(try routes() == expected)
        #expect(try engine.check(with).isUnchanged && engine.rest(with).isUnchanged)
        // A container's own route is better.
        for family in AddressFamily.allCases { #expect(try cluster.nodes[1].reaches(engine.node, family)) }
        let recorder = try EventRecorder(engine.node)
        let filter = EventFilter(desired: with, devices: try engine.run(with).devices)
        try engine.node.command("ip", "route", "del", "blackhole", "10.244.1.0/24")
        // Without the metric the kernel removes another route of IPv6: it does not look at the type.
        try engine.node.command("ip", "-6", "route", "del", "fd00:244:0:1::/64", "metric", "4294967295")
        #expect(try recorder.events().count(where: filter.concerns) == 2)
        #expect(try engine.check(with).repairs == [.routeSet: 2])
        #expect(try !recorder.events().contains(where: filter.concerns))
        #expect(try routes() == expected)
        let without = try engine.desired([cluster.nodes[1].lease])
        #expect(try engine.update(without).repairs == [.routeRemoved: 2])
        #expect(try routes().isEmpty)
    }

    @Test func `another lease has another route, with any backend, and a foreign one stays`() throws {
        try engine.node.command("ip", "route", "add", "blackhole", "10.244.99.0/24", "proto", "static")
        let foreign = "blackhole 10.244.99.0/24 proto static"
        _ = try engine.run(try desired())
        #expect(try Set(routes()) == Set(expected + [foreign]))
        let other = try desired(own: try Fleet.lease(5))
        #expect(try engine.run(other).isComplete)
        #expect(
            try Set(routes()) == ["blackhole 10.244.5.0/24 proto 70", "blackhole fd00:244:0:5::/64 dev lo", foreign]
        )
        #expect(try engine.run(try desired(.alloc)).isComplete)
        #expect(try Set(routes()) == Set(expected + [foreign]))
    }
}
