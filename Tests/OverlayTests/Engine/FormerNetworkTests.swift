// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite struct FormerNetworks {
    let cluster: Cluster
    let engine: Engine
    let former: [IPPrefix]

    init() throws {
        cluster = try Cluster([.hostGateway])
        engine = try Engine(cluster.nodes[0])
        former = [try Fleet.prefix("10.10.0.0/16"), try Fleet.prefix("fd00:10::/48")]
        // The last ones are another daemon's and an administrator's.
        for words in [
            "10.10.7.0/24 via 192.0.2.7 proto 70", "blackhole 10.10.60.0/24 proto 70 metric 4294967295",
            "fd00:10:0:7::/64 via 2001:db8::7 proto 70", "10.99.7.0/24 via 192.0.2.9 proto 70",
            "10.10.8.0/24 via 192.0.2.8 proto static",
        ] {
            try engine.node.command("sh", "-c", "ip \(words.contains(":") ? "-6" : "-4") route add \(words)")
        }
    }

    /// What node 1 should have, where it had other networks before.
    func desired(
        _ former: [IPPrefix],
        own: Lease? = nil,
        families: [AddressFamily] = AddressFamily.allCases,
        uplinks: [AddressFamily] = AddressFamily.allCases
    ) throws -> DesiredState {
        let uplink = try Fleet.uplink(1, index: engine.node.uplink, families: uplinks)
        return DesiredState(
            own: try own ?? Fleet.lease(1, .hostGateway, families: families),
            peers: [try Fleet.lease(2, .hostGateway)],
            uplinks: PerFamily(v4: uplink, v6: uplink),
            configuration: try Fleet.configuration(.hostGateway, families: families),
            formerNetworks: former,
            dropsUnclaimed: true
        )
    }

    func routes() throws -> Set<String> {
        let text = try engine.node.command("sh", "-c", "ip -4 route; ip -6 route")
        let destinations = text.split(separator: "\n").map { line -> String in
            let words = line.split(separator: " ")
            return words.prefix(words.first == "blackhole" ? 2 : 1).joined(separator: " ")
        }
        return Set(destinations.filter { $0.contains("10.") || $0.contains("fd00:10:") })
    }

    @Test(arguments: [AddressFamily.allCases, [.v4]])
    func `their routes go, of a family that is disabled as well, and others' stay`(families: [AddressFamily]) throws {
        let present: Set<String> = ["10.244.1.0/24", "10.244.2.0/24", "blackhole 10.244.1.0/24"]
        let others: Set<String> = ["10.99.7.0/24", "10.10.8.0/24"]
        #expect(try engine.run(try desired([], families: families)).isComplete)
        #expect(try routes().subtracting(present).count == 5)
        let desired = try desired(former, families: families)
        let recorder = try EventRecorder(engine.node)
        #expect(try engine.check(desired).repairs == [.routeRemoved: 3])
        #expect(try routes() == present.union(others))
        let filter = EventFilter(desired: desired, devices: PerFamily())
        #expect(try !recorder.events().contains(where: filter.concerns))
        #expect(try engine.check(desired).isUnchanged && engine.rest(desired).isUnchanged && !engine.isDoubtful)
        // As long as they are known a route that comes again is noticed.
        try engine.node.command("ip", "-6", "route", "add", "fd00:10:0:9::/64", "dev", "eth0", "proto", "70")
        #expect(try recorder.events().count(where: filter.concerns) == 1)
        #expect(try engine.check(desired).repairs == [.routeRemoved: 1])
    }

    @Test func `a network counts as former where no family has it and its family can be looked after`() throws {
        let networks = try former + [Fleet.prefix("10.244.0.0/16"), Fleet.prefix("10.0.0.0/8")]
        #expect(try desired(networks).formerNetworks == former + [networks[3]])
        let half = try desired(networks, uplinks: [.v4])
        #expect(half.formerNetworks == [former[0], networks[3]] && half.vacatedNetworks == half.formerNetworks)
        // It was around the present one.
        #expect(try engine.run(try desired(networks)).isComplete)
        #expect(try engine.rest(try desired(networks)).isUnchanged)
        #expect(try routes() == ["10.244.1.0/24", "10.244.2.0/24", "blackhole 10.244.1.0/24", "10.10.8.0/24"])
    }

    @Test func `what is wanted in one as long as the lease is of it keeps it from being forgotten`() throws {
        var own = try Fleet.lease(1, .hostGateway)
        own.subnets.v4 = try Fleet.prefix("10.10.60.0/24")
        let between = try desired(former, own: own)
        #expect(between.vacatedNetworks == [former[1]])
        #expect(try engine.run(between).isComplete)
        #expect(try routes().contains("blackhole 10.10.60.0/24"))
        #expect(try engine.rest(between).isUnchanged)
        #expect(try engine.run(try desired([former[0]])).isComplete)
        #expect(try !routes().contains("blackhole 10.10.60.0/24"))
    }
}
