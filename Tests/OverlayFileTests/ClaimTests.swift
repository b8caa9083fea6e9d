// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayFile
internal import Testing

/// Nodes that claim at the same moment; each store works on a thread of its own.
@Suite struct ClaimTests {
    private func holdAtOnce(_ stores: [FileSubnetStore]) async throws -> [String] {
        try await withThrowingTaskGroup { group in
            for (index, store) in stores.enumerated() { group.addTask { try await store.hold(index + 1) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func overlapping(_ keys: [String]) throws -> [String] {
        let subnets = try keys.map { try #require(PerFamily<IPPrefix>(leaseKey: $0)) }
        return keys.indices.flatMap { first in
            keys.indices.filter { $0 > first && subnets[first].overlaps(subnets[$0]) }
                .map { "\(keys[first]) and \(keys[$0])" }
        }
    }

    @Test func `two nodes that prefer one subnet never both get it`() async throws {
        let shared = try SharedDirectory()
        let (first, second) = (try shared.node("a"), try shared.node("b"))
        var winners: [String: Int] = [:]
        for _ in 0..<200 {
            let keys = try await withThrowingTaskGroup { group in
                for (number, store) in [(1, first), (2, second)] {
                    group.addTask { (number, try await store.hold(number, previous: "10.5.9.0-24")) }
                }
                return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
            }
            #expect(keys[1] != keys[2])
            #expect(Set(keys.values).contains("10.5.9.0-24"))
            #expect(try shared.files() == keys.values.map { "\($0).json" }.sorted())
            if let winner = keys.first(where: { $0.value == "10.5.9.0-24" }) {
                winners["\(winner.key)", default: 0] += 1
            }
            try await first.releaseLease()
            try await second.releaseLease()
            // The preference is for what a store had last; new ones prefer what they are told.
            #expect(try shared.files().isEmpty)
        }
        #expect(winners.values.reduce(0, +) == 200)
    }

    @Test func `as many nodes as there are subnets all get one`() async throws {
        for round in 0..<20 {
            let shared = try SharedDirectory(#"{"Network":"10.5.0.0/27","SubnetLen":30,"SubnetMin":"10.5.0.0"}"#)
            let keys = try await holdAtOnce(try (0..<8).map { try shared.node("\(round)-\($0)") })
            #expect(Set(keys).count == 8)
            #expect(try shared.files() == keys.map { "\($0).json" }.sorted())
        }
    }

    @Test func `subnets of different lengths never overlap`() async throws {
        for round in 0..<60 {
            let shared = try SharedDirectory()
            let wide = try shared.node("wide-\(round)")
            let narrow = try (0..<2).map { try shared.node("narrow-\(round)-\($0)") }
            let networks = try [
                #"{"Network":"10.5.0.0/20","SubnetLen":22,"SubnetMin":"10.5.0.0"}"#,
                #"{"Network":"10.5.0.0/20","SubnetLen":24,"SubnetMin":"10.5.0.0"}"#,
            ].map { try NetworkConfiguration(parsing: Array($0.utf8)) }
            let keys = try await withThrowingTaskGroup { group in
                for (number, store) in ([wide] + narrow).enumerated() {
                    group.addTask {
                        try await store.holdLease(
                            publishing: .numbered(number + 1),
                            in: networks[min(number, 1)],
                            previous: PerFamily(v4: IPPrefix(number == 0 ? "10.5.4.0/22" : "10.5.\(4 + number).0/24"))
                        ).lease.subnets.leaseKey
                    }
                }
                return try await group.reduce(into: [String]()) { $0.append($1) }
            }
            #expect(try overlapping(keys).isEmpty)
            #expect(try shared.files() == keys.map { "\($0).json" }.sorted())
        }
    }

    @Test func `nodes of two families never share one family's subnet`() async throws {
        for round in 0..<30 {
            let shared = try SharedDirectory(
                #"{"Network":"10.5.0.0/24","SubnetMin":"10.5.0.0","EnableIPv6":true,"IPv6Network":"fd00::/48"}"#
            )
            let keys = try await holdAtOnce(try (0..<3).map { try shared.node("\(round)-\($0)") })
            #expect(keys.count == 3)
            #expect(try overlapping(keys).isEmpty)
        }
    }

    @Test func `an established lease stays, whatever its key`() async throws {
        let shared = try SharedDirectory()
        let holder = try shared.node("holder")
        try await holder.hold(1, previous: "10.5.9.0-24")
        let network = try NetworkConfiguration(parsing: Array(#"{"Network":"10.5.0.0/16","SubnetLen":20}"#.utf8))
        let other = try shared.node("other")
        // Its key would be the smaller one.
        let held = try await other.holdLease(
            publishing: .numbered(2),
            in: network,
            previous: PerFamily(v4: IPPrefix("10.5.0.0/20"))
        )
        #expect(try overlapping([held.lease.subnets.leaseKey, "10.5.9.0-24"]).isEmpty)
        #expect(try await holder.hold(1) == "10.5.9.0-24")
    }

    @Test func `a claim that its node died over is finished after the restart, or given up for a lease`() async throws {
        let shared = try SharedDirectory()
        let node = try shared.node("a").node
        let claim = #"{"PublicIP":"192.0.2.1","PublicIPv6":null,"Node":"\#(node)","Heartbeat":0,"TTL":86400}"#
        try shared.write("subnets/10.5.9.0-24.json", claim)
        // Others respect it, and do not send packets there.
        let other = try shared.node("b")
        let first = try await other.hold(2, previous: "10.5.9.0-24")
        #expect(first != "10.5.9.0-24")
        #expect(await other.peers().isEmpty)
        #expect(try await shared.node("a").hold(1) == "10.5.9.0-24")
        #expect(await other.peers() == ["10.5.9.0-24"])

        try await shared.node("a").releaseLease()
        try shared.write("subnets/10.5.0.0-16.json", claim)
        let second = try await shared.node("a").hold(1)
        #expect(try overlapping([first, second]).isEmpty)
        #expect(try shared.files() == ["\(first).json", "\(second).json"].sorted())
    }

    @Test func `leftovers of a killed writer are no obstacle`() async throws {
        let shared = try SharedDirectory()
        let store = try shared.node("a")
        try shared.write("subnets/.10.5.9.0-24.\(store.node).tmp", "{")
        #expect(try await store.hold(previous: "10.5.9.0-24") == "10.5.9.0-24")
        #expect(try shared.files() == ["10.5.9.0-24.json"])
    }
}
