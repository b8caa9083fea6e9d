// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite(.serialized) struct Scale {
    let count = 1000

    func subnet(_ number: Int) throws -> IPPrefix {
        try #require(IPPrefix(.v4(IPv4Address(rawValue: 0x0b00_0000 + UInt32(number) << 8)), length: 24))
    }

    func endpoint(_ number: Int) -> IPAddress { .v4(IPv4Address(rawValue: 0xc612_0000 + UInt32(number))) }

    func lease(_ number: Int) throws -> Lease {
        let subnet = try subnet(number)
        let mac = TunnelDevice.chooseMAC(vni: 1, subnet: subnet, adopted: nil, published: nil)
        return Lease(
            subnets: PerFamily(v4: subnet),
            attributes: LeaseAttributes(
                publicAddresses: PerFamily(v4: endpoint(number)),
                backendType: .vxlan,
                backendData: PerFamily(v4: ["VNI": 1, "VtepMAC": .string("\(mac)")])
            )
        )
    }

    func desired(_ node: Node, _ peers: [Lease]) throws -> DesiredState {
        var configuration = try Fleet.configuration(families: [.v4])
        configuration.families.v4?.network = try Fleet.prefix("8.0.0.0/6")
        return DesiredState(
            own: node.lease,
            peers: peers,
            uplink: try Fleet.uplink(node.number, index: node.uplink),
            configuration: configuration
        )
    }

    @Test func `a thousand peers are programmed about as fast as the batch mode of ip and bridge`() throws {
        let clock = ContinuousClock()
        let peers = try (1...count).map { try lease($0) }
        var ours: [Duration] = []
        var unchanged: [Duration] = []
        var oneMore: [Duration] = []
        var batch: [Duration] = []
        for _ in 0..<3 {
            let cluster = try Cluster([.vxlan, .vxlan])
            let node = cluster.nodes[0]
            func run(_ peers: [Lease], _ durations: inout [Duration]) throws -> ReconciliationReport {
                let (report, duration) = try node.namespace.run {
                    Result {
                        var reconciler = try Reconciler.open()
                        let start = clock.now
                        let report = try reconciler.run(try desired(node, peers))
                        return (report, clock.now - start)
                    }
                }.get()
                durations.append(duration)
                return report
            }
            let report = try run(peers, &ours)
            #expect(report.failures.isEmpty)
            #expect(report.repairs[.routeSet] == count)
            #expect(report.repairs[.neighborSet] == count && report.repairs[.forwardingEntrySet] == count)
            #expect(try run(peers, &unchanged).requestCount == 0)
            #expect(try run(peers + [try lease(count + 1)], &oneMore).requestCount == 3)
            batch.append(try programInBatchMode(cluster.nodes[1], try desired(node, peers), clock))
            // Neither side has less than it says.
            for (node, expected) in [(node, count + 1), (cluster.nodes[1], count)] {
                let routes = try node.command("ip", "route", "show", "dev", "flannel.1")
                let entries = try node.command("bridge", "fdb", "show", "dev", "flannel.1")
                #expect(routes.split(separator: "\n").count { $0.contains("proto 70") } == expected)
                #expect(entries.split(separator: "\n").count == expected)
            }
        }
        let (own, other) = (try #require(ours.min()), try #require(batch.min()))
        let again = try #require(unchanged.min())
        let more = try #require(oneMore.min())
        print("\(count) peers: \(own); unchanged: \(again); one more: \(more); ip -batch and bridge -batch: \(other)")
        #expect(own < other * 3)
    }

    /// What a person would do; the time is that of the two programs.
    func programInBatchMode(_ node: Node, _ desired: DesiredState, _ clock: ContinuousClock) throws -> Duration {
        let directory = try TemporaryDirectory()
        let peers = desired.devices.v4?.peers ?? []
        let neighbors = peers.map { "neighbour replace \($0.address) lladdr \($0.mac) dev flannel.1 nud permanent" }
        let routes = desired.routes.map {
            "route replace \($0.destination) via \($0.gateway) dev flannel.1 onlink proto 70"
        }
        let forwarding = peers.map { "fdb replace \($0.mac) dev flannel.1 dst \($0.endpoint) self permanent" }
        try File.replace(
            directory.appending("ip"),
            with: Array(((neighbors + routes).joined(separator: "\n") + "\n").utf8)
        )
        try File.replace(directory.appending("bridge"), with: Array((forwarding.joined(separator: "\n") + "\n").utf8))
        for line in [
            "link add flannel.1 type vxlan id 1 dev eth0 local 192.0.2.2 dstport 8472 nolearning",
            "link set flannel.1 up",
        ] {
            let words = ["ip"] + line.split(separator: " ").map(String.init)
            _ = try node.namespace.run { Result { try Command.run(words) } }.get()
        }
        return try node.namespace.run {
            Result {
                let start = clock.now
                try Command.run("bridge", "-batch", directory.appending("bridge"))
                try Command.run("ip", "-batch", directory.appending("ip"))
                return clock.now - start
            }
        }.get()
    }
}
