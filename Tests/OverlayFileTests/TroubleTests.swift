// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayFile
internal import Testing

/// Dead nodes, wrong clocks, torn files, a directory that is away.
@Suite struct TroubleTests {
    private let shared: SharedDirectory
    private let clock = HandClock()

    init() throws { shared = try SharedDirectory() }

    @Test func `a lock that somebody keeps is told, and no reason to wait for ever`() async throws {
        let path = "\(shared.path)/lock"
        var options = try shared.node("patient").options
        options.lockLimit = .milliseconds(100)
        let node = try FileSubnetStore(options)
        do {
            let lock = try FileLock.acquire(shared: path, until: .after(.seconds(1)))
            let error = await #expect(throws: OverlayError.self) { try await node.hold(1) }
            #expect(error?.code == .storeUnavailable)
            #expect(error?.message == "somebody holds \(path)", "\(error as Any)")
            withExtendedLifetime(lock) {}
        }
        let key = try await node.hold(1)
        #expect(try shared.files() == ["\(key).json"])
    }

    @Test func `a lease ends when its heartbeat stood still for its own TTL, and not before`() async throws {
        let dead = try shared.node("dead", timeToLive: .seconds(100))
        let key = try await dead.hold(1)
        let observer = try shared.node("observer", clock: clock)
        let own = try await observer.hold(2)
        #expect(await observer.peers() == [key])
        clock.advance(.seconds(99))
        #expect(await observer.peers() == [key])
        try await dead.hold(1)
        #expect(await observer.peers() == [key])
        clock.advance(.seconds(99))
        #expect(await observer.peers() == [key])
        clock.advance(.seconds(1))
        #expect(await observer.peers().isEmpty)
        #expect(try shared.files() == ["\(own).json"])
        // Its own lease is no matter of the clock.
        #expect(await observer.look().own != nil)
    }

    @Test func `a subnet of a lease that ended is given away, and its node then gets another`() async throws {
        let dead = try shared.node("dead", timeToLive: .seconds(100))
        let key = try await dead.hold(1)
        let observer = try shared.node("observer", clock: clock)
        _ = await observer.look()
        clock.advance(.seconds(100))
        #expect(try await observer.hold(2, previous: key) == key)
        #expect(await dead.look().own == nil)
        #expect(try await dead.hold(1) != key)
    }

    @Test func `a node that starts waits the whole TTL, whatever the clocks and the dates of the files`() async throws {
        let peer = try shared.node("peer", timeToLive: .seconds(100))
        let key = try await peer.hold(1)
        let years = Duration.seconds(10 * 365 * 86_400)
        for (name, start) in [("ahead", years), ("behind", Duration.zero - years)] {
            for date in ["2016-01-01", "2036-01-01"] {
                try Command.run("touch", "-d", date, "\(shared.path)/subnets/\(key).json", "\(shared.path)/subnets")
                let clock = HandClock(start)
                let observer = try shared.node("\(name)-\(date)", clock: clock)
                #expect(await observer.peers() == [key])
                clock.advance(.seconds(99))
                #expect(await observer.peers() == [key])
                #expect(try await observer.hold(2, previous: key) != key)
                try await observer.releaseLease()
            }
        }
        #expect(try await peer.hold(1) == key)
    }

    @Test(arguments: ["", "{", #"{"PublicIP":"192.0.2.1","PublicIPv6":nu"#, "\0\0\0\0", "[]", #"{"Heartbeat":-1}"#])
    func `of a torn file the last good contents count, and it never ends`(torn: String) async throws {
        let peer = try shared.node("peer", timeToLive: .seconds(100))
        let key = try await peer.hold(1)
        let observer = try shared.node("observer", clock: clock)
        #expect(await observer.look().peers == [Lease(key: key, 1)])
        let good = try shared.read("subnets/\(key).json")
        try shared.write("subnets/\(key).json", torn)
        clock.advance(.seconds(1000))
        let snapshot = await observer.look()
        #expect(snapshot.peers == [Lease(key: key, 1)])
        #expect(snapshot.problems.count == 1)
        #expect(snapshot.problems.first?.message.contains("subnets/\(key).json") == true)
        #expect(try await observer.hold(2, previous: key) != key)

        // One that never saw it good knows the subnet by the file's name only.
        let late = try shared.node("late", clock: clock)
        #expect(await late.look().peers.map(\.attributes) == [.numbered(2)])
        #expect(try await late.hold(3, previous: key) != key)

        // Good again, it has its full time again.
        try shared.write("subnets/\(key).json", good)
        #expect(await observer.look().problems.isEmpty)
        clock.advance(.seconds(99))
        #expect(await observer.peers().contains(key))
        clock.advance(.seconds(1))
        #expect(await !observer.peers().contains(key))
    }

    @Test func `a node repairs its own torn file with its next renewal`() async throws {
        let store = try shared.node("a")
        let key = try await store.hold(1)
        try shared.write("subnets/\(key).json", "{")
        #expect(await store.look().own == Lease(key: key, 1))
        #expect(try await store.hold(1) == key)
        #expect(try shared.read("subnets/\(key).json").contains(#""Heartbeat":2"#))
        #expect(await store.look().problems.isEmpty)
    }

    @Test(arguments: [true, false])
    func `while the directory is away nothing ends, and it recovers`(leavesMountPoint: Bool) async throws {
        let peer = try shared.node("peer", timeToLive: .seconds(100))
        let key = try await peer.hold(1)
        let observer = try shared.node("observer", clock: clock)
        let own = try await observer.hold(2)
        let before = await observer.look()
        #expect(before.outage == nil)

        try File.rename(shared.path, to: shared.appending("away"))
        if leavesMountPoint { try Directory.create("\(shared.path)/subnets", mode: 0o755) }
        clock.advance(.seconds(1000))
        let during = await observer.look()
        #expect(during.outage?.code == .storeUnavailable)
        #expect(during.peers == before.peers && during.own == before.own)
        for _ in 0..<2 {
            let error = await #expect(throws: OverlayError.self) { try await observer.hold(2) }
            #expect(error?.code == .storeUnavailable)
        }
        clock.advance(.seconds(1000))
        if leavesMountPoint {
            #expect(try shared.files().isEmpty)
            try Directory.remove("\(shared.path)/subnets")
            try Directory.remove(shared.path)
        }
        try File.rename(shared.appending("away"), to: shared.path)
        #expect(await observer.look() == before)
        clock.advance(.seconds(99))
        #expect(try await observer.hold(2) == own)
        #expect(try await peer.hold(1) == key)
        #expect(await observer.look() == before)
        clock.advance(.seconds(99))
        #expect(await observer.look() == before)
        clock.advance(.seconds(1))
        #expect(await observer.peers().isEmpty)
    }
}
