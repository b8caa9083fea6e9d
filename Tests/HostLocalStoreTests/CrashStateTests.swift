// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import HostLocalStore
import IPAddresses
import LinuxSystem
import Testing

/// Every state that a killed writer, or one that knows of no index, can leave.
@Suite struct CrashStateTests {
    let fixture: StoreFixture
    let sets: [RangeSet]

    init() throws {
        fixture = try StoreFixture()
        sets = [try .of("10.1.2.0/29")]
        try fixture.add("a", sets)
        try fixture.add("b", sets)
        #expect(fixture.indexIsVouchedFor)
    }

    @Test func `a reservation that the index does not know is respected and can be released`() throws {
        try fixture.write("10.1.2.4", "c\r\neth0")
        #expect(!fixture.indexIsVouchedFor)
        #expect(try fixture.addresses(of: "c") == ["10.1.2.4"])
        #expect(fixture.indexIsVouchedFor)
        #expect(try fixture.add("d", sets) == ["10.1.2.5"])
        #expect(try fixture.delete("c") == ["10.1.2.4"])
    }

    @Test func `an index entry without a reservation is forgotten`() throws {
        try File.remove("\(fixture.folder)/10.1.2.2")
        #expect(try fixture.addresses(of: "a") == [])
        for number in 1...3 { try fixture.add("c\(number)", sets) }
        #expect(try fixture.add("c4", sets) == ["10.1.2.2"])
    }

    @Test func `a folder that was changed behind a true time stamp is found out by its files`() throws {
        let time = try #require(Directory.modificationTime(of: fixture.folder))
        try File.remove("\(fixture.folder)/10.1.2.2")
        try fixture.write("10.1.2.4", "c\r\neth0")
        try Directory.setModificationTime(of: fixture.folder, nanoseconds: time)
        #expect(fixture.indexIsVouchedFor)
        #expect(try fixture.delete("a") == [])
        #expect(try fixture.add("d", sets) == ["10.1.2.5"])
        #expect(try fixture.delete("c") == ["10.1.2.4"])
    }

    @Test(arguments: ["", "1", "1 5\n", "rubbish", "2 1795416348860569543\n"])
    func `a state file that says something else is not trusted`(state: String) throws {
        try File.replace("\(fixture.index)/state", with: Array(state.utf8))
        try File.remove("\(fixture.index)/blocks/10.1.0.0")
        #expect(try fixture.add("c", sets) == ["10.1.2.4"])
        #expect(try fixture.addresses(of: "a") == ["10.1.2.2"])
    }

    @Test(arguments: ["blocks", "holders"])
    func `damaged index files are made anew`(part: String) throws {
        for name in try Directory.names(in: "\(fixture.index)/\(part)") {
            try File.replace("\(fixture.index)/\(part)/\(name)", with: Array("half a li".utf8))
        }
        #expect(fixture.indexIsVouchedFor)
        #expect(try fixture.add("c", sets) == ["10.1.2.4"])
        #expect(throws: CNIError.self) { try fixture.add("a", sets) }
        #expect(try fixture.delete("a") == ["10.1.2.2"])
        #expect(try fixture.reservations() == ["10.1.2.3", "10.1.2.4"])
    }

    @Test func `an index that is away, or is no directory, costs nothing but time`() throws {
        for name in try Directory.names(in: "\(fixture.index)/blocks") {
            try File.remove("\(fixture.index)/blocks/\(name)")
        }
        try File.remove("\(fixture.index)/state")
        try Directory.remove("\(fixture.index)/blocks")
        try File.create("\(fixture.index)/blocks", with: [])
        #expect(try fixture.add("c", sets) == ["10.1.2.4"])
        #expect(!fixture.indexIsVouchedFor)
        #expect(try fixture.delete("a") == ["10.1.2.2"])
        #expect(try fixture.addresses(of: "c") == ["10.1.2.4"])
    }

    @Test func `what writers killed in the middle leave is removed`() throws {
        try fixture.write(".10.1.2.4.4711.tmp", "dead\r\neth0")
        try fixture.write("10.1.2.5", "")
        try fixture.write("10.1.2.6", "\0\0\0\0\0\0")
        #expect(try fixture.addresses(of: "dead") == [])
        #expect(try Directory.names(in: fixture.folder).filter { $0.hasPrefix(".") } == [])
        #expect(try fixture.reservations() == ["10.1.2.2", "10.1.2.3"])
        #expect(try fixture.add("c", sets) == ["10.1.2.4"])
        #expect(try fixture.add("d", sets) == ["10.1.2.5"])
        #expect(try fixture.add("e", sets) == ["10.1.2.6"])
    }

    @Test(arguments: ["old", "old\n", " old \r\n", "old\r\n"])
    func `a file of before plugins 0.8 names its container only`(contents: String) throws {
        try fixture.write("10.1.2.4", contents)
        #expect(try fixture.addresses(of: "old") == ["10.1.2.4"])
        #expect(throws: CNIError.self) { try fixture.add("old", sets) }
        #expect(try fixture.delete("old") == ["10.1.2.4"])
        #expect(try fixture.delete("old") == [])
    }

    @Test(arguments: ["n\r\neth0", "n\neth0\n", " n\t\r\n eth0 \r\n"])
    func `white space around the names is tolerated`(contents: String) throws {
        try fixture.write("10.1.2.4", contents)
        #expect(try fixture.delete("n") == ["10.1.2.4"])
    }

    @Test func `names that are no address are left alone`() throws {
        for name in ["notes.txt", "10.1.2.04", "FD00::1", "10.1.2.4.bak"] { try fixture.write(name, "c\r\neth0") }
        #expect(try fixture.delete("c") == [])
        #expect(File.isRegular("\(fixture.folder)/notes.txt"))
        #expect(File.isRegular("\(fixture.folder)/FD00::1"))
    }

    @Test func `an address whose file cannot be read is taken, in every boot`() throws {
        try Directory.create("\(fixture.folder)/10.1.2.4", mode: 0o755)
        #expect(try fixture.add("c", sets) == ["10.1.2.5"])
        #expect(throws: CNIError.self) { try fixture.add("d", sets, requested: ["10.1.2.4"], boot: .next) }
        for name in ["e", "f", "g", "h"] { try fixture.add(name, sets, boot: .next) }
        #expect(throws: CNIError.self) { try fixture.add("i", sets, boot: .next) }
        try fixture.store().releaseAddresses(exceptOf: [])
        #expect(Directory.exists("\(fixture.folder)/10.1.2.4"))
    }
}
