// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import HostLocalStore
import IPAddresses
import LinuxSystem
import Testing

@Suite struct BootTests {
    let fixture: StoreFixture
    let small: [RangeSet]

    init() throws {
        fixture = try StoreFixture()
        // Two addresses to give: .2 and .3.
        small = [try .of("10.1.2.0/24 10.1.2.1 10.1.2.3")]
    }

    @Test func `the same attachment gets its address again after a reboot, once`() throws {
        try fixture.add("other", small)
        #expect(try fixture.add("c", small) == ["10.1.2.3"])
        #expect(try fixture.add("c", small, boot: .next) == ["10.1.2.3"])
        let error = try #require(throws: CNIError.self) { try fixture.add("c", small, boot: .next) }
        #expect(error.code == .alreadyExists)
        #expect(try fixture.reservations() == ["10.1.2.2", "10.1.2.3"])
    }

    @Test func `what does not fit the ranges any more is released`() throws {
        try fixture.add("c", [try .of("10.1.2.0/24"), try .of("fd00::/64")])
        #expect(try fixture.add("c", [try .of("10.7.0.0/24")], boot: .next) == ["10.7.0.2"])
        #expect(try fixture.reservations() == ["10.7.0.2"])
    }

    @Test func `a full pool takes the oldest reservation of an earlier boot, and none of this one`() throws {
        try fixture.add("a", small)
        try fixture.add("b", small)
        #expect(try fixture.add("c", small, boot: .next) == ["10.1.2.2"])
        #expect(try fixture.read("10.1.2.2") == "c\r\neth0")
        #expect(try fixture.add("d", small, boot: .next) == ["10.1.2.3"])
        let error = try #require(throws: CNIError.self) { try fixture.add("e", small, boot: .next) }
        #expect(error.code == .addressUnavailable)
        // The late DEL of a container of before the reboot finds nothing, and takes nothing from the new owner.
        #expect(try fixture.delete("a", boot: .next) == [])
        #expect(try fixture.read("10.1.2.2") == "c\r\neth0")
    }

    @Test func `while others are free, old reservations are left alone`() throws {
        try fixture.add("a", small)
        #expect(try fixture.add("b", small, boot: .next) == ["10.1.2.3"])
        #expect(try fixture.reservations() == ["10.1.2.2", "10.1.2.3"])
    }

    @Test func `a requested address is taken from an earlier boot`() throws {
        try fixture.add("a", small, requested: ["10.1.2.2"])
        #expect(throws: CNIError.self) { try fixture.add("b", small, requested: ["10.1.2.2"]) }
        #expect(try fixture.add("b", small, requested: ["10.1.2.2"], boot: .next) == ["10.1.2.2"])
        #expect(try fixture.read("10.1.2.2") == "b\r\neth0")
    }

    @Test func `without an index the file's time decides, with a margin`() throws {
        try fixture.write("10.1.2.2", "old\r\neth0")
        try fixture.write("10.1.2.3", "new\r\neth0")
        try fixture.age("10.1.2.2")
        #expect(throws: CNIError.self) { try fixture.add("c", small, requested: ["10.1.2.3"]) }
        #expect(try fixture.add("c", small) == ["10.1.2.2"])
        #expect(throws: CNIError.self) { try fixture.add("d", small) }
        // Half a minute before the boot is too close to be sure of.
        try Directory.setModificationTime(
            of: "\(fixture.folder)/10.1.2.3",
            nanoseconds: Boot.thisOne.start - 30_000_000_000
        )
        try fixture.write("10.9.9.9", "moves the folder's time\r\neth0")
        #expect(throws: CNIError.self) { try fixture.add("d", small) }
    }

    @Test func `what the index saw granted in this boot stays, whatever the clock says`() throws {
        try fixture.add("a", small)
        try fixture.add("b", small)
        try fixture.age("10.1.2.2")
        // Another program's write makes the index be made anew; its knowledge of boots is kept.
        try fixture.write("10.9.9.9", "x\r\neth0")
        #expect(throws: CNIError.self) { try fixture.add("c", small) }
        #expect(try fixture.read("10.1.2.2") == "a\r\neth0")
    }

    @Test func `what another program granted in this boot stays, although the index knows an older one`() throws {
        try fixture.add("a", small)
        try fixture.add("b", small)
        let now = Boot(identifier: Boot.next.identifier, start: Boot.thisOne.start)
        try fixture.age("10.1.2.2")
        try fixture.age("10.1.2.3")
        try fixture.write("10.1.2.3", "z\r\neth0")
        #expect(try fixture.add("c", small, boot: now) == ["10.1.2.2"])
        #expect(throws: CNIError.self) { try fixture.add("d", small, boot: now) }
        #expect(try fixture.read("10.1.2.3") == "z\r\neth0")
    }
}
