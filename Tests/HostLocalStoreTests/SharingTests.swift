// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import HostLocalStore
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// Several writers, the reference's among them, in one directory.
@Suite struct SharingTests {
    static let reference = "/usr/lib/cni/host-local"
    let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    /// Runs the reference on the fixture's network and returns how it ended and what it printed.
    private func runReference(
        _ verb: String,
        _ container: String,
        subnet: String,
        version: String = "1.0.0"
    ) throws -> (succeeded: Bool, output: String) {
        let configuration = """
            {"cniVersion":"\(version)","name":"net","type":"x","ipam":
            {"type":"host-local","subnet":"\(subnet)","dataDir":"\(fixture.directory.path)"}}
            """
        let outcome = try Command.outcome(
            [Self.reference],
            input: configuration,
            environment: [
                "CNI_COMMAND=\(verb)", "CNI_CONTAINERID=\(container)", "CNI_IFNAME=eth0", "CNI_NETNS=/none",
                "CNI_PATH=/usr/lib/cni",
            ]
        )
        return (outcome.termination == .exited(0), String(decoding: outcome.standardOutput, as: UTF8.self))
    }

    @Test(
        .enabled(if: File.isRegular(reference), "needs Debian's containernetworking-plugins"),
        arguments: [("10.1.2.0/28", "10.1.2."), ("fd00::/64", "fd00::")]
    )
    func `the reference and ours take turns in one directory`(subnet: String, prefix: String) throws {
        let sets = [try RangeSet.of(subnet)]
        for number in 2...9 {
            if number % 2 == 0 {
                #expect(try fixture.add("c\(number)", sets) == ["\(prefix)\(number)"])
            } else {
                let answer = try runReference("ADD", "c\(number)", subnet: subnet)
                #expect(answer.succeeded)
                #expect(answer.output.contains("\"\(prefix)\(number)/"))
            }
        }
        // Each sees, refuses again and releases the other's.
        for number in 2...9 {
            #expect(try runReference("CHECK", "c\(number)", subnet: subnet).succeeded)
            #expect(try fixture.addresses(of: "c\(number)") == ["\(prefix)\(number)"])
            #expect(throws: CNIError.self) { try fixture.add("c\(number)", sets) }
            #expect(try runReference("ADD", "c\(number)", subnet: subnet).output.contains("duplicate allocation"))
        }
        for number in 2...9 {
            if number % 2 == 0 {
                #expect(try runReference("DEL", "c\(number)", subnet: subnet).succeeded)
            } else {
                #expect(try fixture.delete("c\(number)") == ["\(prefix)\(number)"])
            }
        }
        #expect(try fixture.reservations() == [])
    }

    @Test(.enabled(if: File.isRegular(reference), "needs Debian's containernetworking-plugins"))
    func `the reference is not disturbed by a temporary of a killed writer`() throws {
        try fixture.write(".10.1.2.5.4711.tmp", "c\r\neth0")
        #expect(try runReference("ADD", "c", subnet: "10.1.2.0/28").output.contains("10.1.2.2/28"))
        #expect(try runReference("DEL", "c", subnet: "10.1.2.0/28").succeeded)
        #expect(try fixture.reservations() == [])
    }

    @Test func `writers that race never get the same address, and leave nothing`() async throws {
        let set = try RangeSet.of("10.1.0.0/22")
        let useReference = File.isRegular(Self.reference)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask { [self] in
                    for round in 0..<40 {
                        let name = "w\(worker)-\(round)"
                        if worker == 7, useReference {
                            #expect(try runReference("ADD", name, subnet: "10.1.0.0/22").succeeded)
                            #expect(try runReference("DEL", name, subnet: "10.1.0.0/22").succeeded)
                            continue
                        }
                        let granted = try fixture.add(name, [set])
                        // Nobody else's name may be on it now, nor when it is given back.
                        #expect(try fixture.read(granted[0]) == "\(name)\r\neth0")
                        #expect(try fixture.delete(name) == granted)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try fixture.reservations() == [])
    }

    @Test func `addresses held at the same time are all different`() async throws {
        let sets = [try RangeSet.of("10.1.0.0/22"), try RangeSet.of("fd00::/64")]
        let granted = try await withThrowingTaskGroup(of: [String].self) { group in
            for worker in 0..<4 {
                group.addTask { [self] in
                    try (0..<50).flatMap { try fixture.add("w\(worker)-\($0)", sets) }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(granted.count == 400)
        #expect(Set(granted).count == 400)
        #expect(try fixture.reservations() == granted.sorted())
    }

    @Test func `thousands of reservations cost what ten do`() throws {
        let set = try RangeSet.of("10.0.0.0/16")
        func median(reservations count: Int) throws -> Int64 {
            let fixture = try StoreFixture()
            for number in 0..<count {
                let address = try #require(IPAddress(family: .v4, value: 0x0a00_0002 + UInt128(number)))
                try fixture.write("\(address)", "c\(number)\r\neth0")
            }
            try fixture.delete("nobody")
            var times: [Int64] = []
            for round in 0..<41 {
                // All reservations are directly behind the cursor.
                try File.overwrite("\(fixture.folder)/last_reserved_ip.0", with: Array("10.0.0.1".utf8))
                let start = SystemClock.nanosecondsSinceBoot
                try fixture.add("x\(round)", [set])
                _ = try fixture.addresses(of: "x\(round)")
                try fixture.delete("x\(round)")
                try fixture.delete("x\(round)")
                times.append(SystemClock.nanosecondsSinceBoot - start)
            }
            return times.sorted()[times.count / 2]
        }
        let few = try median(reservations: 10)
        let many = try median(reservations: 3_000)
        // 1.5 is the budget of the process as a whole; without its start-up, in a debug build, on a busy machine:
        #expect(many < few * 4, "\(few) ns at 10, \(many) ns at 3,000")
    }
}
