// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayFile
internal import Testing

@Suite struct LeaseTests {
    @Test func `a lease is etcd's value with three members more, in a file named by its key`() async throws {
        let shared = try SharedDirectory()
        let store = try shared.node("a")
        let key = try await store.hold(7, previous: "10.5.9.0-24")
        #expect(key == "10.5.9.0-24")
        #expect(try shared.files() == ["10.5.9.0-24.json"])
        let text = try shared.read("subnets/10.5.9.0-24.json")
        let expected =
            #"{"PublicIP":"192.0.2.7","PublicIPv6":null,"BackendType":"vxlan","#
            + #""BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"},"Node":"\#(store.node)","Heartbeat":1,"TTL":86400}"#
        #expect(text == expected + "\n")
        #expect(try Command.run("stat", "-c", "%a", "\(shared.path)/subnets/\(key).json") == "644\n")
        #expect(try LeaseAttributes(parsing: Array(text.utf8)) == .numbered(7))
    }

    @Test func `a renewal moves the heartbeat, keeps the subnet and publishes what is new`() async throws {
        let shared = try SharedDirectory()
        let store = try shared.node("a", timeToLive: .seconds(240))
        let key = try await store.hold(1)
        for round in 2...5 {
            let network = try await store.networkConfiguration()
            let held = try await store.holdLease(publishing: .numbered(round), in: network)
            #expect(held.lease == Lease(subnets: try #require(PerFamily(leaseKey: key)), attributes: .numbered(round)))
            #expect(held.renewal == .seconds(10))
            #expect(try shared.read("subnets/\(key).json").contains(#""Heartbeat":\#(round),"TTL":240}"#))
        }
        #expect(try shared.files() == ["\(key).json"])
        #expect(await store.look().own?.attributes == .numbered(5))
    }

    @Test func `a node has the same lease after a restart, and no second one`() async throws {
        let shared = try SharedDirectory()
        let key = try await shared.node("a").hold()
        for _ in 0..<3 { #expect(try await shared.node("a").hold(previous: "10.5.77.0-24") == key) }
        // A second one, as a crash may leave it: what the node worked with is kept, else what was renewed most.
        try shared.write("subnets/10.5.250.0-24.json", try shared.read("subnets/\(key).json"))
        #expect(try await shared.node("a").hold(previous: key) == key)
        #expect(try shared.files() == ["\(key).json"])
        let text = try shared.read("subnets/\(key).json")
        try shared.write("subnets/10.5.0.0-24.json", text.replacing(#/"Heartbeat":\d+/#, with: #""Heartbeat":1"#))
        try shared.write("subnets/10.5.1.0-24.json", text.replacing(#/"Heartbeat":\d+/#, with: #""Heartbeat":99"#))
        #expect(try await shared.node("a").hold() == "10.5.1.0-24")
        #expect(try shared.files() == ["10.5.1.0-24.json"])
    }

    @Test func `a lease that no longer fits the network is given back for one that does`() async throws {
        let shared = try SharedDirectory()
        let store = try shared.node("a")
        #expect(try await store.hold(previous: "10.5.9.0-24") == "10.5.9.0-24")
        try shared.write(
            "config.json",
            #"{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48","SubnetMin":"10.5.4.0"}"#
        )
        let dual = try await store.hold()
        #expect(dual.hasPrefix("10.5.9.0-24&fd00:"))
        try shared.write("config.json", #"{"Network":"10.6.0.0/16"}"#)
        let other = try await store.hold()
        #expect(other.hasPrefix("10.6."))
        #expect(try shared.files() == ["\(other).json"])
    }

    @Test func `a lease that was given to another meanwhile is replaced by one of another subnet`() async throws {
        let shared = try SharedDirectory()
        let store = try shared.node("a")
        let key = try await store.hold(1)
        let text = try shared.read("subnets/\(key).json")
        try shared.write("subnets/\(key).json", text.replacing(store.node, with: "other"))
        #expect(await store.look().own == nil)
        let other = try await store.hold(1)
        #expect(other != key)
        #expect(try shared.read("subnets/\(key).json").contains("other"))
    }

    @Test func `a lease that was removed by hand is taken again`() async throws {
        let shared = try SharedDirectory()
        let store = try shared.node("a")
        let key = try await store.hold()
        try File.remove("\(shared.path)/subnets/\(key).json")
        #expect(await store.look().own == nil)
        #expect(try await store.hold() == key)
        #expect(await store.look().own != nil)
    }

    @Test func `releasing leaves others' leases and is repeatable`() async throws {
        let shared = try SharedDirectory()
        let (first, second) = (try shared.node("a"), try shared.node("b"))
        try await first.hold(1)
        let other = try await second.hold(2)
        for _ in 0..<2 { try await first.releaseLease() }
        #expect(try shared.files() == ["\(other).json"])
        #expect(await second.look() == SubnetSnapshot(own: Lease(key: other, 2), peers: []))
    }

    @Test(arguments: [#"{"Network":"10.5.0.0/16"}"#, "{", nil])
    func `where no lease was ever taken there is none to release`(configuration: String?) async throws {
        let shared = try SharedDirectory(configuration)
        let store = try shared.node("a")
        _ = try? await store.networkConfiguration()
        try await store.releaseLease()
    }

    @Test func `nothing is released where the directory that was used is not mounted`() async throws {
        let shared = try SharedDirectory()
        let store = try shared.node("a")
        _ = try await store.networkConfiguration()
        try File.remove("\(shared.path)/config.json")
        let error = await #expect(throws: OverlayError.self) { try await store.releaseLease() }
        #expect(error?.code == .storeUnavailable)
    }

    @Test func `entries made by hand and files with other names are left alone`() async throws {
        let shared = try SharedDirectory(#"{"Network":"10.5.0.0/24"}"#)
        // One of three subnets is reserved.
        try shared.write("subnets/10.5.0.64-26.json", #"{"PublicIP":"192.0.2.9"}"#)
        let names = ["10.5.0.192-26", "010.5.0.192-26.json", "x.json", ".10.5.0.192-26.json", "10.5.0.193-26.json"]
        for name in names { try shared.write("subnets/\(name)", "?") }
        let clock = HandClock()
        let store = try shared.node("a", clock: clock)
        #expect(try await store.hold(previous: "10.5.0.64-26") != "10.5.0.64-26")
        clock.advance(.seconds(100_000_000))
        #expect(await store.peers() == ["10.5.0.64-26"])
        #expect(await store.look().problems.isEmpty)
        try await store.releaseLease()
        #expect(try shared.files() == (names + ["10.5.0.64-26.json"]).sorted())
    }

    @Test func `when all subnets are taken the error says how many there are`() async throws {
        let shared = try SharedDirectory(#"{"Network":"10.5.0.0/24"}"#)
        for number in 1...3 { try await shared.node("\(number)").hold(number) }
        let late = try shared.node("late")
        let error = await #expect(throws: OverlayError.self) { try await late.hold(4) }
        #expect(error?.code == .outOfSubnets)
        #expect(error?.message.contains("all 3 of") == true)
        try await shared.node("2").releaseLease()
        try await late.hold(4)
        #expect(try shared.files().count == 3)
    }

    @Test func `a lease of an earlier configuration stays until there is one of the new`() async throws {
        let shared = try SharedDirectory()
        let clock = HandClock()
        let store = try shared.node("a")
        let key = try await store.hold(1, previous: "10.5.1.0-24")
        let observer = try shared.node("observer", clock: clock)
        #expect(await observer.peers() == [key])
        try shared.write("config.json", #"{"Network":"10.9.0.0/24"}"#)
        for number in 1...3 { try await shared.node("\(number)").hold(number) }
        for _ in 0..<2 {
            let error = await #expect(throws: OverlayError.self) { try await store.hold(1) }
            #expect(error?.code == .outOfSubnets)
            // It is renewed as well.
            #expect(await observer.peers().contains(key))
            clock.advance(.seconds(80_000))
        }
        #expect(await store.look().own == Lease(key: key, 1))
        try await shared.node("2").releaseLease()
        let new = try await store.hold(1)
        #expect(new.hasPrefix("10.9.0."))
        #expect(try shared.files().count == 3 && shared.files().contains("\(new).json"))
        #expect(await store.look().own?.subnets.leaseKey == new)
        // Its own former subnet is in nobody's way.
        try shared.write("config.json", #"{"Network":"10.9.0.0/24","SubnetLen":27}"#)
        try shared.write("subnets/10.9.0.32-27.json", #"{"PublicIP":"192.0.2.9"}"#)
        let part = try await store.hold(1)
        let halves = [
            new.replacing("-26", with: "-27"),
            new.replacing("64-26", with: "96-27").replacing("128-26", with: "160-27").replacing(
                "192-26",
                with: "224-27"
            ),
        ]
        #expect(halves.contains(part))
        #expect(try shared.files().count == 4 && !shared.files().contains("\(new).json"))
    }

    @Test func `a second machine under one identity is told to both`() async throws {
        let shared = try SharedDirectory()
        let original = try shared.node("a")
        try await original.hold(1)
        let clone = try shared.node("a")
        try await clone.hold(2)
        let error = await #expect(throws: OverlayError.self) { try await original.hold(1) }
        #expect(error?.code == .duplicateNode)
        #expect(await original.look().problems.map(\.code) == [.duplicateNode])
    }

    @Test func `a node renews its lease again when the second machine under its identity has ended`() async throws {
        let shared = try SharedDirectory()
        let clock = HandClock()
        let original = try shared.node("a", clock: clock, timeToLive: .seconds(2400))
        let clone = try shared.node("a", timeToLive: .seconds(2400))
        let key = try await original.hold(1)
        func expectDuplicate() async throws {
            let error = await #expect(throws: OverlayError.self) { try await original.hold(1) }
            #expect(error?.code == .duplicateNode && error?.advice.contains(" 300 seconds ") == true)
        }
        // As long as the other one renews it, however long that is.
        for _ in 0..<4 {
            try await clone.hold(2)
            try await expectDuplicate()
            clock.advance(.seconds(299))
            try await expectDuplicate()
        }
        clock.advance(.seconds(1))
        #expect(try await original.hold(1) == key)
        #expect(await original.look() == SubnetSnapshot(own: Lease(key: key, 1), peers: []))
        // It is alive after all: now that one is told.
        let error = await #expect(throws: OverlayError.self) { try await clone.hold(2) }
        #expect(error?.code == .duplicateNode)
        // Where the lease is gone nobody renews it.
        try await clone.releaseLease()
        try await clone.hold(2, previous: "10.5.77.0-24")
        #expect(try await original.hold(1) == "10.5.77.0-24")
    }

    @Test func `the identity is made once, private, and may be made by hand`() async throws {
        let shared = try SharedDirectory()
        let path = shared.appending("state-a/node-id")
        let nodes = try await withThrowingTaskGroup { group in
            for _ in 0..<8 { group.addTask { try shared.node("a").node } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(nodes.count == 1)
        #expect(nodes.first?.count == 32)
        #expect(try Directory.names(in: shared.appending("state-a")) == ["node-id"])
        #expect(try Command.run("stat", "-c", "%a", path) == "600\n")
        try File.replace(path, with: Array("worker-1.example\n".utf8))
        #expect(try shared.node("a").node == "worker-1.example")
        for bad in ["", "\n", "two words?", "../x/y", String(repeating: "n", count: 65)] {
            try File.replace(path, with: Array(bad.utf8))
            let error = #expect(throws: OverlayError.self) { try shared.node("a") }
            #expect(error?.code == .localFile)
            #expect(error?.message.contains(path) == true)
        }
    }
}

extension Lease {
    /// The lease of a node with a number; a key that is none gives one without subnets.
    init(key: String, _ number: Int) {
        self.init(subnets: PerFamily(leaseKey: key) ?? PerFamily(), attributes: .numbered(number))
    }
}
