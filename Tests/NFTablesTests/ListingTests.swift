// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import NFTables
import Testing

@Suite struct Listing: ~Copyable {
    let namespace: NetworkNamespace
    let socket: NFTablesSocket
    let table = Table(.inet, "trial")

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        socket = try NFTablesSocket.open(in: namespace)
        self.namespace = namespace
    }

    private borrowing func nft(_ command: String) throws { try Command.run("nft", command, in: namespace) }

    @Test func `rules that were made of these statements are read as what they were made of`() throws {
        let prefixes = try ["10.0.0.0/8", "10.16.0.0/12", "192.0.2.7/32", "fd00::/48", "fd00::/61"].map { text in
            let prefix = IPPrefix(text)
            return try #require(prefix)
        }
        var rules: [Rule] = prefixes.flatMap { prefix in
            [
                Rule([.source(prefix), .destination(prefix, isInverted: true), .counter, .verdict(.return)]),
                Rule([.source(prefix, isInverted: true), .masquerade(.fullyRandom)], comment: "\(prefix)"),
            ]
        }
        rules += [
            Rule([.mark(hasBit: 0x4000), .counter, .verdict(.return)]), Rule([.masquerade()]),
            Rule([.masquerade([.random, .persistent])]), Rule([.family(.v6), .verdict(.jump("other"))]),
            Rule([.inputInterface(.named("eth0")), .outputInterface(.beginning(with: "veth")), .setMark(bit: 0x10)]),
        ]
        var transaction = Transaction()
        try transaction.add(table)
        try transaction.add(Chain("other"), to: table)
        try transaction.add(Chain("base", at: .init(.nat, .postrouting, priority: 100)), to: table)
        for rule in rules { try transaction.add(rule, to: "base", of: table) }
        #expect(try socket.commit(transaction) == .committed)
        let listed = try socket.rules(of: "base", in: table)
        #expect(listed.map(\.expressions) == rules.map(\.expressions))
        #expect(listed.map(\.comment) == rules.map(\.comment))
        #expect(listed.first?.essence.contains(.counter) == false)
    }

    @Test(
        arguments: [
            "meta mark set 0x1", "masquerade to :1000-2000", "meta mark set meta mark << 1",
            "ip saddr < 10.0.0.1", "ip saddr 10.0.0.0-10.0.0.9", "meta length 7", "counter name n",
        ]
    )
    func `what is not interpreted is not taken for something else`(text: String) throws {
        try nft(
            "add table inet trial; add counter inet trial n; "
                + "add chain inet trial base { type nat hook postrouting priority 100; }; add rule inet trial base "
                + "meta l4proto tcp \(text)"
        )
        let known: [Expression] = [
            .masquerade([]), .meta(.mark, into: Register(word: 0)), .counter,
            .compare(Register(word: 0), isEqual: true, [10, 0, 0, 1]),
        ]
        let expressions = try #require(try socket.rules(of: "base", in: table).first).expressions
        let isUnknown = expressions.contains { if case .unknown = $0 { true } else { false } }
        #expect(isUnknown || expressions.allSatisfy { !known.contains($0) })
    }

    @Test func `a base chain is listed with its place and policy, a regular one with neither`() throws {
        try nft(
            """
            add table inet trial; add chain inet trial regular; \
            add chain inet trial dropping { type filter hook forward priority -10; policy drop; }; \
            add chain inet trial nat { type nat hook postrouting priority srcnat; }; \
            add chain inet trial unknown { type route hook output priority 0; }
            """
        )
        let regular = try #require(try socket.chain("regular", of: table))
        #expect(regular.attachment == nil && regular.policy == nil && !regular.isBase)
        let dropping = try #require(try socket.chain("dropping", of: table))
        #expect(dropping.attachment == .init(.filter, .forward, priority: -10) && dropping.policy == .drop)
        let nat = try #require(try socket.chain("nat", of: table))
        #expect(nat.attachment == .init(.nat, .postrouting, priority: 100) && nat.policy == .accept)
        let unknown = try #require(try socket.chain("unknown", of: table))
        #expect(unknown.attachment == nil && unknown.isBase && unknown.policy == .accept)
    }

    @Test func `a table says what it holds and whether it is dormant`() throws {
        #expect(try socket.table(table) == nil)
        try nft(
            "add table inet trial; add chain inet trial c; add set inet trial s { type ipv4_addr; }; "
                + "add counter inet trial n; add rule inet trial c tcp dport { 1, 2 } accept"
        )
        let listed = try #require(try socket.table(table))
        #expect(listed.useCount == 3 && listed.flags == 0)
        try nft("add table inet trial { flags dormant; }")
        #expect(try socket.table(table)?.flags == 1)
        #expect(try socket.table(Table(.ip, "trial")) == nil)
    }

    @Test func `a rule is put before another`() throws {
        try nft("add table inet trial; add chain inet trial c; add rule inet trial c accept comment one")
        try nft("add rule inet trial c drop comment three")
        let last = try #require(try socket.rules(of: "c", in: table).last)
        var transaction = Transaction()
        try transaction.add(Rule([.counter], comment: "two"), to: "c", of: table, before: last.handle)
        #expect(try socket.commit(transaction) == .committed)
        #expect(try socket.rules(of: "c", in: table).map(\.comment) == ["one", "two", "three"])
    }

    @Test func `extensions of iptables are known by their names`() throws {
        for words in [["-j", "REJECT"], ["-m", "statistic", "--mode", "random", "--probability", "1", "-j", "DROP"]] {
            try Command.run(["iptables", "-A", "FORWARD"] + words, in: namespace)
        }
        let rules = try socket.rules(of: "FORWARD", in: Table(.ip, "filter"))
        #expect(rules.first?.essence.contains { $0.extensionTarget == "REJECT" } == true)
        #expect(rules.last?.essence.map(\.extensionMatch) == ["statistic", nil])
        #expect(rules.last?.essence.allSatisfy { $0.extensionTarget == nil } == true)
    }
}

extension Command {
    fileprivate static func run(_ words: [String], in namespace: borrowing NetworkNamespace) throws {
        _ = try namespace.run { Result { try Command.run(words) } }.get()
    }
}
