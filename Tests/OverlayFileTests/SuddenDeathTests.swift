// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CProcessControl
internal import Glibc
internal import IPAddresses
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import Testing

/// Nodes that are killed, or stand still, at each of their system calls in turn.
///
/// Without `SWIFT_CNI_LONG=1` it is one call in nine, and begins with another one each time.
@Suite(.serialized) struct SuddenDeathTests {
    private static let network = #"{"Network":"10.5.0.0/24","SubnetLen":28,"SubnetMin":"10.5.0.0"}"#

    private static var runsLong: Bool { getenv("SWIFT_CNI_LONG").map { String(cString: $0) } == "1" }

    /// Calls of a program until it has fewer than so many: the body says whether there was such a call.
    private func atEachCall(_ body: (Int) throws -> Bool) throws -> Int {
        let step = Self.runsLong ? 1 : 9
        var call = Self.runsLong ? 1 : Int.random(in: 1...step)
        var hits = 0
        while try body(call) { (hits, call) = (hits + 1, call + step) }
        // As many as it takes at the very least; fewer would mean that nothing was hit.
        #expect(hits * step > 40)
        return hits
    }

    private func holder(
        _ number: Int,
        _ shared: SharedDirectory,
        _ preferred: String,
        _ configuration: String = network
    ) -> LeaseHolder {
        LeaseHolder(directory: shared, number: number, configuration: configuration, preferred: preferred)
    }

    /// No two of the leases have an address in common, and each is a file that says whose it is.
    private func expectHeld(_ keys: [Int: String], in shared: SharedDirectory, _ place: String) throws {
        let subnets = try keys.mapValues { key in
            let subnets = PerFamily<IPPrefix>(leaseKey: key)
            return try #require(subnets, "\(key), \(place)")
        }
        for (number, subnet) in subnets {
            #expect(!subnets.contains { $0.key != number && $0.value.overlaps(subnet) }, "\(keys), \(place)")
        }
        #expect(
            try shared.files().filter { !$0.hasPrefix(".") } == keys.values.map { "\($0).json" }.sorted(),
            "\(place)"
        )
        for (number, key) in keys {
            let contents = try File.contents(of: shared.appending("state-\(number)/node-id"))
            let node = String(decoding: contents, as: UTF8.self).filter { !$0.isWhitespace }
            let file = JSONNode(try JSONValue(parsing: Array(try shared.read("subnets/\(key).json").utf8)))
            #expect(file["Node"]?.value == .string(node), "\(key), \(place)")
        }
    }

    @Test func `a node killed at any system call of its claim holds what it said, and no other holds it`() throws {
        let hits = try atEachCall { call in
            let shared = try SharedDirectory(Self.network)
            let bystander = try holder(3, shared, "10.5.0.0-28").hold()
            let victim = holder(1, shared, "10.5.0.16-28")
            let (outcome, report) = try victim.trace(call)
            let place = "call \(call) (system call number \(report.call_number)): \(outcome)"
            let settled =
                try shared.files().contains("10.5.0.16-28.json")
                && !shared.read("subnets/10.5.0.16-28.json").contains(#""Heartbeat":0"#)
            #expect(settled || !outcome.hasHeld, "\(place)")
            let second = try holder(2, shared, "10.5.0.16-28").hold()
            let first = try victim.hold()
            #expect(try !shared.files().contains { $0.hasPrefix(".") }, "\(place)")
            // What may be in use stays with its node.
            if settled { #expect(first == "10.5.0.16-28", "\(place)") }
            try expectHeld([1: first, 2: second, 3: bystander], in: shared, place)
            for (number, key) in [(1, first), (2, second), (3, bystander)] {
                #expect(try holder(number, shared, "10.5.0.64-28").hold() == key, "\(place)")
            }
            return report.delivered == 1
        }
        print("a claim killed at each of \(hits) system calls")
    }

    @Test func `a node killed at any system call of a renewal keeps its lease, and others read it`() async throws {
        let shared = try SharedDirectory(Self.network)
        let victim = holder(1, shared, "10.5.0.16-28")
        #expect(try victim.hold() == "10.5.0.16-28")
        let second = try holder(2, shared, "10.5.0.16-28").hold()
        let hits = try atEachCall { call in
            let (outcome, report) = try victim.trace(call)
            let place = "call \(call) (system call number \(report.call_number)): \(outcome)"
            try expectHeld([1: "10.5.0.16-28", 2: second], in: shared, place)
            #expect(try holder(2, shared, "10.5.0.16-28").hold() == second, "\(place)")
            return report.delivered == 1
        }
        #expect(try victim.hold() == "10.5.0.16-28")
        #expect(try !shared.files().contains { $0.hasPrefix(".") })
        let snapshot = await (try shared.node("observer")).look()
        #expect(snapshot.peers.map(\.subnets.leaseKey).contains("10.5.0.16-28") && snapshot.problems.isEmpty)
        print("a renewal killed at each of \(hits) system calls")
    }

    /// What two nodes want that cannot both have it: one name, and names of overlapping subnets in both orders.
    private static let rivals: [(first: (String, Int), second: (String, Int))] = [
        (("10.5.0.16-28", 28), ("10.5.0.16-28", 28)), (("10.5.0.16-28", 28), ("10.5.0.0-27", 27)),
        (("10.5.0.0-27", 27), ("10.5.0.16-28", 28)),
    ]

    @Test(arguments: rivals.indices)
    func `of two nodes of which one stands still at any system call, each holds its own`(index: Int) throws {
        let (first, second) = Self.rivals[index]
        func network(_ length: Int) -> String {
            #"{"Network":"10.5.0.0/24","SubnetLen":\#(length),"SubnetMin":"10.5.0.0"}"#
        }
        var waits = 0
        let hits = try atEachCall { call in
            let shared = try SharedDirectory(network(28))
            let one = holder(1, shared, first.0, network(first.1))
            let other = holder(2, shared, second.0, network(second.1))
            let (outcome, otherOutcome, report) = try one.trace(call, beside: other)
            let place = "call \(call) (system call number \(report.call_number)): \(outcome), \(otherOutcome)"
            #expect(outcome.hasHeld, "\(place)")
            guard report.delivered == 1 else { return false }
            waits += Int(report.other_waited)
            #expect(otherOutcome.hasHeld, "\(place)")
            try expectHeld([1: outcome.output, 2: otherOutcome.output], in: shared, place)
            // Each keeps with its next renewal what it was told.
            #expect(try one.hold() == outcome.output, "\(place)")
            #expect(try other.hold() == otherOutcome.output, "\(place)")
            return true
        }
        print("a claim that stood still at each of \(hits) system calls; the other had to wait at \(waits)")
    }
}
