// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

/// Three interfaces: two with default routes, one without.
@Suite struct `Choosing the uplink` {
    private let candidates: [UplinkCandidate]

    init() throws {
        candidates = [
            try Self.candidate(2, "eth0", ["192.0.2.5/24", "2001:db8:2::5/64"], metrics: PerFamily(v4: 200, v6: 100)),
            try Self.candidate(
                3,
                "eth1",
                ["198.51.100.5/24", "2001:db8:51::5/64"],
                metrics: PerFamily(v4: 100, v6: 200)
            ),
            try Self.candidate(4, "storage0", ["203.0.113.5/24", "203.0.113.6/24"]),
        ]
    }

    private static func candidate(
        _ index: UInt32,
        _ name: String,
        _ addresses: [String],
        metrics: PerFamily<UInt32> = PerFamily()
    ) throws -> UplinkCandidate {
        UplinkCandidate(
            index: LinkIndex(rawValue: index),
            name: name,
            mtu: 1500,
            addresses: try addresses.map { LinkAddress(prefix: try #require(IPPrefix($0)), flags: [.permanent]) },
            defaultRouteMetric: metrics
        )
    }

    private func choose(
        _ family: AddressFamily = .v4,
        among candidates: [UplinkCandidate]? = nil,
        _ change: (inout UplinkSelection) -> Void = { _ in }
    ) throws -> UplinkChoice {
        var selection = UplinkSelection()
        change(&selection)
        return try selection.choose(family, among: candidates ?? self.candidates) { _ in LinkIndex(rawValue: 4) }
    }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test(arguments: [(AddressFamily.v4, "eth1", "198.51.100.5"), (.v6, "eth0", "2001:db8:2::5")])
    func `each family takes its default route with the lowest metric`(
        family: AddressFamily,
        name: String,
        expected: String
    ) throws {
        for order in [candidates, candidates.reversed()] {
            let choice = try choose(family, among: order)
            #expect(choice.name == name)
            #expect(choice.address == (try address(expected)))
            #expect(choice.publicAddress == choice.address)
            #expect(choice.reason.contains("(100)"))
        }
    }

    @Test func `of equal metrics the lower interface number wins, in any order`() throws {
        var twins = candidates
        twins[0].defaultRouteMetric.v4 = 100
        for order in [twins, twins.reversed()] { #expect(try choose(among: order).name == "eth0") }
    }

    @Test func `an interface is named by its name or by its address`() throws {
        #expect(try choose { $0.interfaces = ["none0", "storage0"] }.address == address("203.0.113.5"))
        #expect(try choose { $0.interfaces = ["203.0.113.6"] }.address == address("203.0.113.6"))
        // The address of one family says which interface the other takes.
        #expect(try choose(.v6) { $0.interfaces = ["198.51.100.5"] }.address == address("2001:db8:51::5"))
    }

    @Test func `what the cluster knows the node by comes before the default route, and behind what was asked for`()
        throws
    {
        let known = PerFamily(v4: try address("203.0.113.6"), v6: try address("2001:db8:51::5"))
        var choice = try choose { $0.hints.known = known }
        #expect(choice.name == "storage0" && choice.address == known.v4 && choice.publicAddress == known.v4)
        #expect(choice.reason.contains("InternalIP 203.0.113.6"))
        #expect(try choose(.v6) { $0.hints.known = known }.name == "eth1")
        choice = try choose {
            $0.hints.known = known
            $0.interfaces = ["eth0"]
        }
        #expect(choice.name == "eth0" && choice.publicAddress == choice.address)
        choice = try choose {
            $0.hints.known = known
            $0.publicAddresses.v4 = IPAddress("192.0.2.5")
        }
        #expect(choice.name == "eth0")
        // Behind a translation of addresses no interface has it.
        choice = try choose { $0.hints.known.v4 = IPAddress("100.64.0.1") }
        #expect(choice.name == "eth1")
        #expect(choice.reason.contains("(100)") && choice.reason.contains("InternalIP 100.64.0.1"))
    }

    @Test func `what an annotation asks for comes before flags about the public address`() throws {
        var choice = try choose {
            $0.hints.requested.v4 = IPAddress("203.0.113.6")
            $0.hints.known.v4 = IPAddress("192.0.2.5")
            $0.publicAddresses.v4 = IPAddress("198.51.100.5")
        }
        #expect(choice.name == "storage0" && "\(choice.publicAddress)" == "203.0.113.6")
        #expect(choice.reason.contains("node-public-ip 203.0.113.6"))
        choice = try choose {
            $0.hints.requested.v4 = IPAddress("203.0.113.6")
            $0.interfaces = ["eth0"]
        }
        #expect(choice.name == "eth0" && "\(choice.address)" == "192.0.2.5")
        #expect("\(choice.publicAddress)" == "203.0.113.6")
        let error = #expect(throws: OverlayError.self) {
            try choose(.v6) { $0.hints.requested.v6 = IPAddress("2001:db8:99::1") }
        }
        #expect(error?.code == .noUplink)
        #expect(error?.message.contains("the annotation node-public-ipv6") == true)
    }

    @Test func `a pattern is matched with addresses first, then with names`() throws {
        #expect(try choose { $0.patterns = ["^203\\.0\\.113\\.6$"] }.address == address("203.0.113.6"))
        #expect(try choose { $0.patterns = ["^nothing", "^stor"] }.name == "storage0")
        let error = #expect(throws: OverlayError.self) { try choose { $0.patterns = ["("] } }
        #expect(error?.message.contains("--iface-regex \"(\"") == true)
    }

    @Test func `names come before patterns, and those before what can be reached`() throws {
        let target = try address("203.0.113.99")
        #expect(try choose { $0.reachable = target }.name == "storage0")
        #expect(
            try choose {
                $0.patterns = ["^eth0$"]
                $0.reachable = target
            }.name == "eth0"
        )
        #expect(
            try choose {
                $0.interfaces = ["eth1"]
                $0.patterns = ["^eth0$"]
            }.name == "eth1"
        )
    }

    @Test func `a public address picks its interface, or is told instead of the address of a named one`() throws {
        let own = try address("192.0.2.5")
        #expect(try choose { $0.publicAddresses.v4 = own }.name == "eth0")
        let outer = try address("203.0.113.200")
        let choice = try choose {
            $0.publicAddresses.v4 = outer
            $0.interfaces = ["eth1"]
        }
        #expect(choice.address == (try address("198.51.100.5")))
        #expect(choice.publicAddress == outer)
        let error = #expect(throws: OverlayError.self) { try choose { $0.publicAddresses.v4 = outer } }
        #expect(error?.message.contains("--public-ip") == true)
    }

    @Test func `deprecated, tentative and temporary addresses do not count, and global ones come first`() throws {
        let spoiled: [(String, AddressFlags, UInt8)] = [
            ("fe80::5/64", [.permanent], 253), ("2001:db8::1/64", [.deprecated], 0),
            ("2001:db8::2/64", [.tentative], 0),
            ("2001:db8::3/64", [.temporary], 0), ("2001:db8::4/64", [], 0), ("2001:db8::5/64", [.permanent], 0),
        ]
        var candidate = candidates[0]
        candidate.addresses = try spoiled.map { text, flags, scope in
            LinkAddress(prefix: try #require(IPPrefix(text)), flags: flags, scope: scope)
        }
        for expected in ["2001:db8::5", "2001:db8::4"] {
            let choice = try choose(.v6, among: [candidate])
            #expect(choice.address == (try address(expected)))
            candidate.addresses.removeAll { $0.prefix.address == choice.address }
        }
        // Each interface has a link-local one, which leads nowhere from another link.
        #expect(candidate.addresses.contains { $0.prefix.address.isLinkLocal })
        #expect(throws: OverlayError.self) { try choose(.v6, among: [candidate]) }
        #expect(throws: OverlayError.self) { try choose(.v6, among: [candidate]) { $0.interfaces = ["fe80::5"] } }
    }

    @Test func `without anything to choose the error says what there is`() throws {
        var lonely = candidates
        for index in lonely.indices { lonely[index].defaultRouteMetric = PerFamily() }
        let error = #expect(throws: OverlayError.self) { try choose(among: lonely) }
        #expect(error?.description.contains("eth0, eth1, storage0") == true)
        #expect(error?.description.contains("--iface") == true)
    }
}

/// What a namespace offers.
@Suite struct `Candidates for the uplink` {
    @Test func `are the links that are up, with their addresses and default routes`() throws {
        let namespace = try NetworkNamespace.temporary()
        let commands = [
            "link set lo up", "link add up0 type veth peer name far0", "link add up1 type veth peer name far1",
            "link set up0 up", "link set far0 up", "link set up1 up", "link set far1 up", "link add down0 type veth",
            "addr add 192.0.2.5/24 dev up0", "addr add 2001:db8::5/64 dev up1 nodad",
            "route add default via 192.0.2.1 metric 300", "route add default via 192.0.2.2 metric 70",
            "-6 route add default via 2001:db8::1 dev up1 metric 50",
            "route add default dev up1 table 100", "route add unreachable default metric 9000",
        ]
        for command in commands {
            let words = ["ip"] + command.split(separator: " ").map(String.init)
            _ = try namespace.run { Result { try Command.run(words) } }.get()
        }
        let candidates = try UplinkCandidate.all(RouteSocket.open(in: namespace))
        let byName = Dictionary(uniqueKeysWithValues: candidates.map { ($0.name, $0) })
        #expect(Set(byName.keys) == ["up0", "up1", "far0", "far1"])
        #expect(byName["up0"]?.defaultRouteMetric == PerFamily(v4: 70))
        #expect(byName["up1"]?.defaultRouteMetric == PerFamily(v6: 50))
        #expect(byName["up0"]?.addresses.map(\.prefix).contains(try #require(IPPrefix("192.0.2.5/24"))) == true)
        #expect(byName["up0"]?.mtu == 1500)

        let choice = try UplinkSelection().choose(.v4, among: candidates) { _ in nil }
        #expect(choice.name == "up0")
        #expect(choice.address == IPAddress("192.0.2.5"))
    }
}
