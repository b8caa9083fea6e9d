// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import IPAddresses
internal import Overlay
internal import OverlayEtcd
internal import Testing

/// What a node sees of the others.
@Suite(.timeLimit(.minutes(2))) struct SnapshotTests {
    private let server: EtcdServer

    init() throws { server = try SharedServer.server.get() }

    @Test func `each change is told at once, with all leases, and nothing is told twice`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("observer") { observer async throws in
                var snapshots = observer.snapshots().makeAsyncIterator()
                #expect(await snapshots.next() == SubnetSnapshot(own: nil, peers: []))
                let own = try await observer.hold(.numbered(1)).lease
                #expect(await snapshots.next() == SubnetSnapshot(own: own, peers: []))
                try await network.node("peer") { peer in
                    let first = try await peer.hold(.numbered(2)).lease
                    #expect(await snapshots.next() == SubnetSnapshot(own: own, peers: [first]))
                    // A renewal alone is no change; the address that follows is.
                    try await peer.hold(2)
                    try await observer.hold(1)
                    let second = try await peer.hold(.numbered(3)).lease
                    #expect(await snapshots.next() == SubnetSnapshot(own: own, peers: [second]))
                    let moved = try await observer.hold(.numbered(4)).lease
                    #expect(await snapshots.next() == SubnetSnapshot(own: moved, peers: [second]))
                    try await peer.releaseLease()
                    #expect(await snapshots.next() == SubnetSnapshot(own: moved, peers: []))
                }
            }
        }
    }

    @Test func `nonsense is told, and what was said before counts`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            let lease = try await network.client.grantLease(seconds: 1000).id
            try await network.write("10.5.1.0-24", goValue("192.0.2.1"), lease: lease)
            try await network.write("10.5.2.0-24", "[", lease: lease)
            try await network.write("10.5.3.4-24", goValue("192.0.2.3"), lease: lease)
            try await network.client.put("\(network.prefix)/subnetsque/10.5.4.0-24", [])
            try await network.node("observer") { observer async throws in
                var snapshots = observer.snapshots().makeAsyncIterator()
                let before = await snapshots.next()
                #expect(before?.peers.map(\.subnets.leaseKey) == ["10.5.1.0-24"])
                #expect(before?.problems.map(\.code) == [.malformedText, .malformedText])
                #expect(before?.problems.first?.message.contains(network.key("10.5.2.0-24")) == true)
                #expect(before?.problems.last?.message.contains(network.key("10.5.3.4-24")) == true)

                try await network.write("10.5.1.0-24", #"{"PublicIP":17}"#, lease: lease)
                let during = await snapshots.next()
                #expect(during?.peers == before?.peers)
                #expect(during?.problems.count == 3)
                try await network.write("10.5.1.0-24", goValue("192.0.2.4"), lease: lease)
                let after = await snapshots.next()
                #expect(after?.peers.map(\.attributes.publicAddresses.v4) == [IPAddress("192.0.2.4")])
                #expect(after?.problems == before?.problems)
                // Its subnet is not given away.
                #expect(try await observer.hold(9, previous: "10.5.2.0-24") != "10.5.2.0-24")
            }
        }
    }

    @Test func `one more peer among 5,000 is told within milliseconds, and a burst costs little`() async throws {
        try await EtcdNetwork.with(#"{"Network":"10.0.0.0/8"}"#, server: server) { network in
            let lease = try await network.client.grantLease(seconds: 1000).id
            for hundred in 0..<50 {
                let puts = (hundred * 100..<hundred * 100 + 100).map { number in
                    EtcdOperation.put(
                        key: network.key("10.\(number / 256).\(number % 256).0-24"),
                        value: Array(goValue("192.0.\(number / 256).\(number % 256)").utf8),
                        lease: lease
                    )
                }
                _ = try await network.client.transact(if: [], then: puts)
            }
            try await network.node("observer") { observer async throws in
                var snapshots = observer.snapshots().makeAsyncIterator()
                let clock = ContinuousClock()
                let start = clock.now
                #expect(await snapshots.next()?.peers.count == 5000)
                let reading = start.duration(to: .now)
                var times: [Duration] = []
                for number in 1...20 {
                    try await network.write("10.200.\(number).0-24", goValue("192.0.2.\(number)"), lease: lease)
                    let written = clock.now
                    #expect(await snapshots.next()?.peers.count == 5000 + number)
                    times.append(written.duration(to: .now))
                }
                let median = times.sorted()[10]
                print("5,000 leases: read in \(reading), one more seen after \(median) (median of 20)")
                // Without optimisation everything takes a multiple.
                #expect(median < .milliseconds(50))

                for _ in 0..<500 { try await network.write("10.200.1.0-24", goValue("192.0.2.99"), lease: lease) }
                try await network.write("10.201.0.0-24", goValue("192.0.2.98"), lease: lease)
                try await Task.sleep(for: .milliseconds(200))
                var rounds = 0
                while let snapshot = await snapshots.next() {
                    rounds += 1
                    if snapshot.peers.count == 5021 { break }
                }
                #expect(rounds == 1)
            }
        }
    }

    @Test func `a cancelled task gets no more`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("observer") { observer in
                let (stream, continuation) = AsyncStream.makeStream(of: SubnetSnapshot.self)
                let watching = Task {
                    for await snapshot in observer.snapshots() { continuation.yield(snapshot) }
                    continuation.finish()
                }
                var iterator = stream.makeAsyncIterator()
                #expect(await iterator.next() == SubnetSnapshot(own: nil, peers: []))
                watching.cancel()
                #expect(await iterator.next() == nil)
            }
        }
    }

    @Test func `compaction is no outage and loses nothing`() async throws {
        let server = try EtcdServer.started()
        try await EtcdNetwork.with(server: server) { network in
            // A watch that is opened anew all the time meets revisions that are not kept any more.
            try await network.node("observer", { $0.client.silenceLimit = .milliseconds(1100) }) { observer in
                var snapshots = observer.snapshots().makeAsyncIterator()
                #expect(await snapshots.next()?.peers == [])
                for round in 1...2 {
                    async let next = Self.wait(&snapshots)
                    var revision: Int64 = 0
                    for _ in 0..<10 { revision = try await network.client.put("/elsewhere", [1]) }
                    try server.control("compact", "\(revision)")
                    try await Task.sleep(for: .milliseconds(1300))
                    try await network.write("10.5.\(round).0-24", goValue("192.0.2.\(round)"))
                    let snapshot = await next
                    #expect(snapshot?.peers.count == round)
                    #expect(snapshot?.outage == nil)
                }
            }
        }
    }

    private static func wait(_ snapshots: inout EtcdSnapshots.AsyncIterator) async -> SubnetSnapshot? {
        await snapshots.next()
    }
}
