// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayFile
internal import Testing

@Suite(.timeLimit(.minutes(1))) struct SnapshotTests {
    private let shared: SharedDirectory

    init() throws { shared = try SharedDirectory() }

    @Test func `each change is told at once, with all leases, and nothing is told twice`() async throws {
        let observer = try shared.node("observer", pollPeriod: .seconds(3600))
        let own = try await observer.hold(1)
        let peer = try shared.node("peer")
        var snapshots = observer.snapshots().makeAsyncIterator()
        #expect(await snapshots.next() == SubnetSnapshot(own: Lease(key: own, 1), peers: []))

        let key = try await peer.hold(2)
        #expect(await snapshots.next()?.peers == [Lease(key: key, 2)])
        // A heartbeat alone is no change; the address that follows is.
        try await peer.hold(2)
        try await peer.hold(3)
        #expect(await snapshots.next()?.peers == [Lease(key: key, 3)])
        try await observer.hold(4)
        #expect(
            await snapshots.next()
                == SubnetSnapshot(own: Lease(key: own, 4), peers: [Lease(key: key, 3)])
        )
        try await peer.releaseLease()
        #expect(await snapshots.next()?.peers == [])
    }

    @Test func `a file that is written over, torn, repaired and removed is told by its name alone`() async throws {
        let observer = try shared.node("observer", pollPeriod: .seconds(3600))
        try await observer.hold(1)
        let key = try await shared.node("peer").hold(2)
        let path = "\(shared.path)/subnets/\(key).json"
        var snapshots = observer.snapshots().makeAsyncIterator()
        let before = try #require(await snapshots.next())
        #expect(before.peers == [Lease(key: key, 2)])
        let good = try File.contents(of: path)
        try File.replace(path, with: Array(good.dropLast(5)))
        let torn = try #require(await snapshots.next())
        #expect(torn.peers == before.peers && torn.problems.count == 1)
        try File.replace(path, with: good)
        #expect(await snapshots.next() == before)
        // Names of something else are nothing.
        try File.create("\(shared.path)/subnets/README.json", with: [1])
        try File.remove(path)
        #expect(await snapshots.next()?.peers == [])
    }

    @Test func `what nobody tells is found by looking`() async throws {
        let clock = HandClock()
        let observer = try shared.node("observer", clock: clock, pollPeriod: .milliseconds(20))
        try await observer.hold(1)
        let key = try await shared.node("peer", timeToLive: .seconds(100)).hold(2)
        var snapshots = observer.snapshots().makeAsyncIterator()
        #expect(await snapshots.next()?.peers == [Lease(key: key, 2)])
        clock.advance(.seconds(100))
        #expect(await snapshots.next()?.peers == [])
    }

    @Test func `an outage is told, and its end, also by another directory under the path`() async throws {
        let observer = try shared.node("observer", pollPeriod: .milliseconds(20))
        try await observer.hold(1)
        let key = try await shared.node("peer").hold(2)
        var snapshots = observer.snapshots().makeAsyncIterator()
        let before = try #require(await snapshots.next())
        try File.rename(shared.path, to: shared.appending("away"))
        let during = try #require(await snapshots.next())
        #expect(during.outage?.code == .storeUnavailable)
        #expect(during.peers == before.peers && during.own == before.own)

        // A server's copy: other files with the same contents.
        try Command.run("cp", "-a", shared.appending("away"), shared.path + "-copy")
        try File.rename(shared.path + "-copy", to: shared.path)
        #expect(await snapshots.next() == before)
        try File.remove("\(shared.path)/subnets/\(key).json")
        #expect(await snapshots.next()?.peers == [])
    }

    @Test func `a cancelled task gets no more`() async throws {
        let observer = try shared.node("observer", pollPeriod: .seconds(3600))
        try await observer.hold(1)
        let watching = Task {
            var count = 0
            for await _ in observer.snapshots() { count += 1 }
            return count
        }
        try await Task.sleep(for: .milliseconds(50))
        watching.cancel()
        #expect(await watching.value <= 1)
    }

    @Test func `a thousand leases are read, and one more is told`() async throws {
        let wide = try SharedDirectory(#"{"Network":"10.0.0.0/8"}"#)
        try Directory.create("\(wide.path)/subnets", mode: 0o755)
        for number in 0..<1000 {
            let text = #"{"PublicIP":"192.0.2.1","PublicIPv6":null,"Node":"n\#(number)","Heartbeat":1,"TTL":86400}"#
            try File.create(
                "\(wide.path)/subnets/10.\(number / 256).\(number % 256).0-24.json",
                with: Array(text.utf8)
            )
        }
        let observer = try wide.node("observer", pollPeriod: .seconds(3600))
        var snapshots = observer.snapshots().makeAsyncIterator()
        #expect(await snapshots.next()?.peers.count == 1000)
        let key = try await wide.node("late").hold(2)
        let snapshot = await snapshots.next()
        #expect(snapshot?.peers.count == 1001)
        #expect(snapshot?.peers.contains(Lease(key: key, 2)) == true)
    }
}
