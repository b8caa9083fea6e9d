// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import HostLocalStore
import IPAddresses
import LinuxSystem
import Testing

@Suite struct AllocationTests {
    let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    @Test func `files are the reference's to the byte`() throws {
        let sets = [try RangeSet.of("10.1.2.0/24"), try RangeSet.of("fd00::/64")]
        #expect(try fixture.add("c1", sets) == ["10.1.2.2", "fd00::2"])
        #expect(
            try Directory.names(in: fixture.folder).sorted()
                == ["10.1.2.2", "fd00::2", "last_reserved_ip.0", "last_reserved_ip.1", "lock"]
        )
        #expect(try fixture.read("10.1.2.2") == "c1\r\neth0")
        #expect(try fixture.read("fd00::2") == "c1\r\neth0")
        #expect(try fixture.read("last_reserved_ip.0") == "10.1.2.2")
        #expect(try fixture.read("last_reserved_ip.1") == "fd00::2")
        #expect(try fixture.read("lock") == "")
    }

    @Test(arguments: [("10.1.2.0/29", "10.1.2."), ("fd00::/125", "fd00::")])
    func `addresses go round, and a released one waits its turn`(subnet: String, prefix: String) throws {
        let set = [try RangeSet.of(subnet)]
        let last = subnet.hasPrefix("f") ? 7 : 6
        for number in 2...last { #expect(try fixture.add("c\(number)", set) == ["\(prefix)\(number)"]) }
        try fixture.delete("c3")
        try fixture.delete("c2")
        #expect(try fixture.add("x", set) == ["\(prefix)2"])
        #expect(try fixture.add("y", set) == ["\(prefix)3"])
        try fixture.delete("x")
        try fixture.delete("c4")
        #expect(try fixture.add("z", set) == ["\(prefix)4"])
    }

    @Test func `a full set is an error that says so, and leaves the other set alone`() throws {
        let sets = [try RangeSet.of("fd00::/64"), try RangeSet.of("10.1.2.0/30")]
        #expect(try fixture.add("c1", sets) == ["fd00::2", "10.1.2.2"])
        let error = try #require(throws: CNIError.self) { try fixture.add("c2", sets) }
        #expect(error.code == .addressUnavailable)
        #expect(error.message.contains("no IP addresses available in range set: 10.1.2.1-10.1.2.2: all 1 are reserved"))
        #expect(try fixture.reservations() == ["10.1.2.2", "fd00::2"])
        #expect(try fixture.add("c3", [sets[0]]) == ["fd00::3"])
    }

    @Test func `gateways and exclusions are never handed out`() throws {
        let set = try RangeSet.of(
            "10.1.2.0/28",
            gateway: "10.1.2.3",
            exclude: ["10.1.2.1/32", "10.1.2.4/30", "10.1.2.6/32", "10.1.2.14/32"]
        )
        var granted: [String] = []
        for number in 1...7 { granted += try fixture.add("c\(number)", [set]) }
        #expect(granted == [2, 8, 9, 10, 11, 12, 13].map { "10.1.2.\($0)" })
        let error = try #require(throws: CNIError.self) { try fixture.add("c8", [set]) }
        #expect(error.message.contains("all 7 are reserved"))
        for (address, reason) in [("10.1.2.3", "gateway"), ("10.1.2.5", "10.1.2.4/30, which exclude keeps free")] {
            let error = try #require(throws: CNIError.self) {
                try fixture.add("c9", [set], requested: [address])
            }
            #expect(error.code == .addressUnavailable)
            #expect(error.message.contains(reason))
        }
    }

    @Test func `most of a large IPv6 subnet can be excluded`() throws {
        let set = try RangeSet.of("fd00::/64", exclude: ["fd00::/65", "fd00::8000:0:0:0/66"])
        #expect(try fixture.add("c", [set]) == ["fd00::c000:0:0:0"])
    }

    @Test func `the ranges of a set are used one after the other`() throws {
        let set = [try RangeSet.of("10.1.2.0/24 10.1.2.10 10.1.2.11", "10.1.3.0/24 10.1.3.5 10.1.3.6")]
        let expected = ["10.1.2.10", "10.1.2.11", "10.1.3.5", "10.1.3.6"]
        for (number, address) in expected.enumerated() { #expect(try fixture.add("c\(number)", set) == [address]) }
        try fixture.delete("c1")
        #expect(try fixture.add("x", set) == ["10.1.2.11"])
    }

    @Test(arguments: ["", "rubbish", "10.99.0.1", "fd00::1", "10.1.2.300"])
    func `a cursor that means nothing starts at the first range`(cursor: String) throws {
        try fixture.write("last_reserved_ip.0", cursor)
        #expect(try fixture.add("c", [try .of("10.1.2.0/24")]) == ["10.1.2.2"])
        #expect(try fixture.read("last_reserved_ip.0") == "10.1.2.2")
    }

    @Test(arguments: ["10.0.32.0", "10.0.31.255", "10.0.0.1", "10.0.63.254", "10.0.255.254"])
    func `the search passes the borders of blocks`(cursor: String) throws {
        let set = try RangeSet.of("10.0.0.0/16")
        try fixture.write("last_reserved_ip.0", cursor)
        let next = cursor == "10.0.255.254" ? "10.0.0.2" : try #require(IPAddress(cursor)?.next).description
        #expect(try fixture.add("c", [set]) == [next])
    }

    @Test func `a requested address is granted, and each needs a set of its own`() throws {
        let sets = [try RangeSet.of("10.1.2.0/24"), try RangeSet.of("fd00::/64")]
        #expect(try fixture.add("c1", sets, requested: ["fd00::99", "10.1.2.77"]) == ["10.1.2.77", "fd00::99"])
        #expect(try fixture.add("c2", sets, requested: ["fd00::1234"]) == ["10.1.2.78", "fd00::1234"])
        let before = try fixture.reservations()
        for (requested, complaint) in [
            (["10.1.2.77"], "interface eth0 of container c1 holds it"),
            (["192.168.0.1"], "failed to allocate all requested IPs: 192.168.0.1"),
            (["10.1.2.90", "10.1.2.91"], "its range set gives one address"),
            (["10.1.2.90", "fd01::1"], "it is in none of the ranges"),
        ] {
            let error = try #require(throws: CNIError.self) { try fixture.add("c3", sets, requested: requested) }
            #expect(error.code == .addressUnavailable)
            #expect(error.message.contains(complaint))
            #expect(try fixture.reservations() == before)
        }
    }

    @Test func `a second ADD of an attachment fails and changes nothing, another interface gets its own`() throws {
        let set = [try RangeSet.of("10.1.2.0/24")]
        try fixture.add("c", set)
        for requested in [[], ["10.1.2.9"], ["10.1.2.2"]] {
            let error = try #require(throws: CNIError.self) { try fixture.add("c", set, requested: requested) }
            #expect(error.code == .alreadyExists)
            #expect(error.message.contains("duplicate allocation is not allowed"))
        }
        #expect(try fixture.addresses(of: "c") == ["10.1.2.2"])
        let other = AttachmentID(containerID: "c", interfaceName: "net1")
        #expect(try fixture.store().reserve(set, for: other).map(\.address.description) == ["10.1.2.3"])
        #expect(try fixture.delete("c") == ["10.1.2.2"])
        #expect(try fixture.reservations() == ["10.1.2.3"])
    }

    @Test func `releasing the unknown is fine, and makes no folder`() throws {
        #expect(try fixture.delete("nobody") == [])
        #expect(!Directory.exists(fixture.folder))
        try fixture.add("c", [try .of("10.1.2.0/24")])
        #expect(try fixture.delete("nobody") == [])
        #expect(try fixture.reservations() == ["10.1.2.2"])
    }

    @Test(arguments: ["..", "../x", "a/b", ".index", "", "-a"])
    func `no name leads out of the data directory`(network: String) {
        #expect(throws: CNIError.self) { try ReservationStore(dataDirectory: "/tmp", network: network) }
    }

    @Test(arguments: ["", "relative", "./x", "/tmp/\0x"])
    func `the data directory must be absolute`(path: String) {
        #expect(throws: CNIError.self) { try ReservationStore(dataDirectory: path, network: "n") }
    }

    @Test func `availability counts what is left, and names the full set`() throws {
        let sets = [try RangeSet.of("10.1.2.0/29"), try RangeSet.of("fd00::/126")]
        let store = try fixture.store()
        try store.requireAvailability(in: sets)
        for number in 1...2 { try fixture.add("c\(number)", sets) }
        let error = try #require(throws: CNIError.self) { try store.requireAvailability(in: sets) }
        #expect(error.code == .unavailable)
        #expect(error.message.contains("fd00::1-fd00::3: all 2 are reserved"))
        try fixture.store(boot: .next).requireAvailability(in: sets)
        try fixture.delete("c1")
        try store.requireAvailability(in: sets)
    }

    @Test func `a folder that cannot be made is no availability`() throws {
        try File.create(fixture.folder, with: [])
        let error = try #require(throws: CNIError.self) {
            try fixture.store().requireAvailability(in: [.of("10.1.2.0/24")])
        }
        #expect(error.code == .unavailable)
        #expect(error.message.contains(fixture.folder))
    }

    @Test func `garbage is what no valid attachment owns`() throws {
        let sets = [try RangeSet.of("10.1.2.0/24"), try RangeSet.of("fd00::/64")]
        for name in ["a", "b", "c"] { try fixture.add(name, sets) }
        try fixture.write("10.1.2.200", "b")
        try fixture.write("10.1.2.201", "gone")
        try fixture.write("10.1.2.202", "")
        let freed = try fixture.store().releaseAddresses(exceptOf: [.eth0("b")]).map(\.description).sorted()
        #expect(freed == ["10.1.2.2", "10.1.2.201", "10.1.2.4", "fd00::2", "fd00::4"])
        #expect(try fixture.reservations() == ["10.1.2.200", "10.1.2.3", "fd00::3"])
        #expect(fixture.indexIsVouchedFor)
        try fixture.store().releaseAddresses(exceptOf: [])
        #expect(try fixture.reservations() == [])
    }
}
