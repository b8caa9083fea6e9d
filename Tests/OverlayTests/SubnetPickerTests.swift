// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Testing

@testable internal import Overlay

/// The same numbers each time (SplitMix64).
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct SubnetPickerTests {
    private func network(_ text: String) throws -> NetworkConfiguration {
        try NetworkConfiguration(parsing: Array(text.utf8))
    }

    private func taken(_ texts: [String]) -> [PerFamily<IPPrefix>] {
        texts.compactMap { IPPrefix($0) }.map { $0.family == .v4 ? PerFamily(v4: $0) : PerFamily(v6: $0) }
    }

    /// Everything that is ever picked in many draws.
    private func picks(
        _ network: NetworkConfiguration,
        taken: [PerFamily<IPPrefix>],
        family: AddressFamily = .v4
    ) throws -> Set<String> {
        let picker = SubnetPicker(network, taken: taken)
        var dice = Dice(state: 1)
        var seen: Set<String> = []
        for _ in 0..<2000 { seen.insert(try #require(try picker.pick(using: &dice)[family]).description) }
        return seen
    }

    @Test func `the first hundred free subnets are drawn from`() throws {
        let seen = try picks(network(#"{"Network":"10.5.0.0/16"}"#), taken: taken(["10.5.1.0/24", "10.5.3.0/24"]))
        let free = ([2] + Array(4...102)).map { "10.5.\($0).0/24" }
        #expect(free.count == 100)
        #expect(seen == Set(free))
    }

    @Test(arguments: [
        ([], ["10.5.0.64/26", "10.5.0.128/26", "10.5.0.192/26"]),
        (["10.5.0.64/26"], ["10.5.0.128/26", "10.5.0.192/26"]),
        // Of another length: one that holds several of ours, and ones that lie inside one of ours.
        (["10.5.0.128/25"], ["10.5.0.64/26"]),
        (["10.5.0.70/32", "10.5.0.100/30", "10.5.0.192/32"], ["10.5.0.128/26"]),
        (["10.5.0.0/25", "10.5.0.64/27", "10.5.0.0/28"], ["10.5.0.128/26", "10.5.0.192/26"]),
        // Of another network or family.
        (["10.6.0.0/16", "fd00::/8", "10.4.255.192/26"], ["10.5.0.64/26", "10.5.0.128/26", "10.5.0.192/26"]),
    ])
    func `no address that is held is given again`(held: [String], free: [String]) throws {
        #expect(try picks(network(#"{"Network":"10.5.0.0/24"}"#), taken: taken(held)) == Set(free))
    }

    @Test func `free subnets are exactly those that a plain search finds`() throws {
        var dice = Dice(state: 7)
        let configuration = try network(#"{"Network":"10.5.0.0/20","SubnetLen":27}"#)
        let rules = try #require(configuration.families.v4)
        for _ in 0..<200 {
            let held = (0..<Int.random(in: 0...40, using: &dice)).compactMap { _ in
                IPPrefix(
                    .v4(IPv4Address(rawValue: 0x0a05_0000 + UInt32.random(in: 0..<4096, using: &dice))),
                    length: Int.random(in: 23...32, using: &dice)
                )?.network
            }
            let plain = (1..<128).compactMap { index in
                IPPrefix(.v4(IPv4Address(rawValue: 0x0a05_0000 + UInt32(index) * 32)), length: 27)
            }.filter { candidate in !held.contains { $0.overlaps(candidate) } }.prefix(100)
            #expect(rules.freeSubnets(beside: held, limit: 100) == Array(plain))
        }
    }

    @Test(
        arguments: [
            ("10.5.9.0/24", [], "10.5.9.0/24"),
            // Beyond the first hundred, and still preferred.
            ("10.5.200.0/24", ["10.5.1.0/24"], "10.5.200.0/24"),
            ("10.5.9.0/24", ["10.5.9.0/24"], nil),
            ("10.5.9.0/24", ["10.5.9.128/25"], nil),
            ("10.5.0.0/24", [], nil), ("10.5.9.0/25", [], nil), ("10.6.9.0/24", [], nil),
        ] as [(String, [String], String?)]
    )
    func `the previous subnet is kept when it fits and is free`(previous: String, held: [String], kept: String?) throws
    {
        let picker = SubnetPicker(try network(#"{"Network":"10.5.0.0/16"}"#), taken: taken(held))
        var dice = Dice(state: 3)
        for _ in 0..<20 {
            let picked = try picker.pick(previous: PerFamily(v4: IPPrefix(previous)), using: &dice).v4?.description
            if let kept { #expect(picked == kept) } else { #expect(picked != previous) }
        }
    }

    @Test func `the families are chosen independently`() throws {
        let dual = try network(
            #"{"Network":"10.5.0.0/24","EnableIPv6":true,"IPv6Network":"fd00::/16","IPv6SubnetLen":64}"#
        )
        let held = taken(["10.5.0.128/25", "fd00:0:0:1::/64"])
        #expect(try picks(dual, taken: held) == ["10.5.0.64/26"])
        let v6 = try picks(dual, taken: held, family: .v6)
        #expect(v6.count == 100 && v6.contains("fd00:0:0:2::/64") && v6.contains("fd00:0:0:65::/64"))
        var dice = Dice(state: 1)
        let picked = try SubnetPicker(dual, taken: held).pick(
            previous: PerFamily(v4: IPPrefix("10.5.0.128/26"), v6: IPPrefix("fd00:7::/64")),
            using: &dice
        )
        #expect(picked == PerFamily(v4: IPPrefix("10.5.0.64/26"), v6: IPPrefix("fd00:7::/64")))
    }

    @Test(arguments: [
        (#"{"Network":"10.5.0.0/24"}"#, ["10.5.0.0/16"], ["3", "10.5.0.64/26", "10.5.0.192/26"]),
        (#"{"Network":"10.5.0.0/16"}"#, (1...255).map { "10.5.\($0).0/24" }, ["255", "10.5.0.0/16"]),
        (
            #"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/16"}"#, ["fd00::/15"],
            ["281474976710655", "fd00::/16"]
        ),
        (#"{"Network":"255.255.255.0/24"}"#, ["255.255.255.0/24"], ["3"]),
    ])
    func `when there are none the error says how many exist`(text: String, held: [String], words: [String]) throws {
        let picker = SubnetPicker(try network(text), taken: taken(held))
        var dice = Dice(state: 1)
        let error = try #require(throws: OverlayError.self) { try picker.pick(using: &dice) }
        #expect(error.code == .outOfSubnets)
        #expect(error.message.hasPrefix("out of subnets"))
        for word in words { #expect(error.message.contains(word), "\(error)") }
    }

    @Test func `subnets are admitted for exactly the enabled families`() throws {
        let v4 = try network(#"{"Network":"10.5.0.0/16"}"#)
        let subnet = IPPrefix("10.5.1.0/24")
        #expect(v4.admits(PerFamily(v4: subnet)))
        #expect(!v4.admits(PerFamily()))
        #expect(!v4.admits(PerFamily(v4: subnet, v6: IPPrefix("fd00::/64"))))
        #expect(!v4.admits(PerFamily(v4: IPPrefix("10.5.1.1/24"))))
        for text in ["10.5.1.0/24", "10.5.1.128/25", "10.5.0.0/16"] {
            #expect(v4.encloses(PerFamily(v4: IPPrefix(text))))
        }
        #expect(!v4.encloses(PerFamily(v4: IPPrefix("10.6.1.0/24"))))
        #expect(!v4.encloses(PerFamily()))
        #expect(!v4.encloses(PerFamily(v4: subnet, v6: IPPrefix("fd00::/64"))))
    }
}
