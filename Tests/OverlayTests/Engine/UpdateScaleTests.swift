// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

extension Scale {
    /// 5,000 with `SWIFT_CNI_LONG=1`.
    private static var fleet: Int { getenv("SWIFT_CNI_LONG").map { String(cString: $0) } == "1" ? 5000 : 500 }

    @Test func `one peer more among thousands costs little more than the kernel's work for it`() throws {
        let clock = ContinuousClock()
        func shortest(_ body: (Int) throws -> Void) rethrows -> Duration {
            var shortest = Duration.seconds(60)
            for round in 0..<10 {
                let start = clock.now
                try body(round)
                shortest = min(shortest, clock.now - start)
            }
            return shortest
        }
        let cluster = try Cluster([.vxlan])
        let engine = try Engine(cluster.nodes[0])
        var peers = try (1...Self.fleet).map { try lease($0) }
        let state = try desired(engine.node, peers)
        let start = clock.now
        let report = try engine.run(state)
        let first = clock.now - start
        #expect(report.isComplete)
        let check = try shortest { _ in
            let isUnchanged = try engine.run(state).isUnchanged
            #expect(isUnchanged)
        }
        let computing = try shortest { _ in _ = try desired(engine.node, peers) }
        let comparing = try shortest { _ in
            let isUnchanged = try engine.update(state).isUnchanged
            #expect(isUnchanged)
        }
        let all = try shortest { round in
            peers.append(try lease(Self.fleet + 1 + round))
            let report = try engine.update(try desired(engine.node, peers))
            #expect(report.requestCount == 3 && report.isComplete)
        }
        let filtering = shortest { _ in
            let filter = EventFilter(desired: state, devices: report.devices)
            #expect(filter.concerns(.eventsLost))
        }
        // What the kernel takes for the three requests without anybody to make them.
        let device = try #require(report.devices.v4)
        let socket = try RouteSocket.open(in: engine.node.namespace)
        let kernel = try shortest { round in
            let subnet = try subnet(Self.fleet + 100 + round)
            let mac = TunnelDevice.chooseMAC(vni: 1, subnet: subnet, adopted: nil, published: nil)
            let outcomes = try socket.perform([
                .replaceForwardingEntry(
                    ForwardingEntry(mac: mac, interface: device, destination: endpoint(Self.fleet + 100 + round))
                ), .replaceNeighbor(NeighborEntry(address: subnet.first, mac: mac, interface: device)),
                .addRoute(Route(destination: subnet, gateway: subnet.first, interface: device, isOnLink: true)),
            ])
            #expect(outcomes == [nil, nil, nil])
        }
        print(
            "\(Self.fleet) peers: first run \(first), full check \(check), one more \(all), of which desired state "
                + "\(computing) and difference \(comparing); the kernel alone \(kernel); event filter \(filtering)"
        )
        // The work of the kernel for all peers is the measure of the machine; most of the rest is the desired state.
        #expect(all < first / 3)
        #expect(all - computing < check)
        #expect(filtering < check)
    }
}
