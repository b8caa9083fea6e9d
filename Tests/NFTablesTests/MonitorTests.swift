// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import LinuxTesting
import NFTables
import Testing

@Suite struct RulesetMonitoring: ~Copyable {
    let namespace: NetworkNamespace
    let monitor: RulesetMonitor

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        monitor = try RulesetMonitor.open(in: namespace)
        self.namespace = namespace
    }

    private borrowing func nft(_ command: String) throws {
        try Command.run("nft", command, in: namespace)
    }

    private borrowing func next(within duration: Duration = .seconds(5)) throws -> RulesetChanges? {
        try monitor.next(until: .after(duration))
    }

    @Test func `reports nothing where nothing happens, also when somebody reads`() throws {
        try Command.run("nft", "list", "ruleset", in: namespace)
        #expect(try next(within: .milliseconds(50)) == nil)
    }

    @Test(
        arguments: [
            "add chain inet t c", "add chain inet t c2 { type filter hook forward priority 0; policy drop; }",
            "chain inet t base { policy drop; }", "add rule inet t base accept",
            "flush chain inet t base", "delete chain inet t base",
            "add set inet t s { type ipv4_addr; }", "add element inet t s2 { 192.0.2.1 }",
            "delete element inet t s2 { 192.0.2.9 }", "add counter inet t n", "delete table inet t",
            "add table inet t { flags dormant; }", "flush ruleset", "flush table inet t",
        ]
    )
    func `names the table in which something changed`(command: String) throws {
        try nft(
            """
            add table inet t; add chain inet t base { type filter hook forward priority 0; }; \
            add set inet t s2 { type ipv4_addr; elements = { 192.0.2.9 }; }; add rule inet t base drop
            """
        )
        let made = try #require(try next())
        #expect(made.tables == [Table(.inet, "t")] && !made.areIncomplete)
        try nft(command)
        let changes = try #require(try next())
        #expect(changes.tables == [Table(.inet, "t")] && !changes.areIncomplete)
        #expect(changes.concern([Table(.ip, "t"), Table(.inet, "t")]))
        #expect(!changes.concern([Table(.ip, "t"), Table(.inet, "other")]))
        #expect(try next(within: .milliseconds(20)) == nil)
    }

    @Test func `tells tables of one name and many changes at once apart`() throws {
        try nft("add table ip t; add table ip6 t; add table bridge other; add table ip flannel")
        let first = try #require(try next())
        #expect(
            first.tables == [Table(.ip, "t"), Table(.ip6, "t"), Table(.bridge, "other"), Table(.ip, "flannel")]
        )
        try Command.run("iptables", "-P", "FORWARD", "DROP", in: namespace)
        #expect(try next()?.tables == [Table(.ip, "filter")])
        try Command.run("iptables", "-A", "FORWARD", "-j", "DROP", in: namespace)
        #expect(try next()?.tables == [Table(.ip, "filter")])
    }

    @Test func `says so when it was not read in time, and goes on`() throws {
        let small = try RulesetMonitor.open(in: namespace, bufferSize: 4096)
        try nft("add table inet t; add set inet t s { type ipv4_addr; }")
        for round in 0..<100 {
            try nft("add element inet t s { \((0..<50).map { "10.\(round).0.\($0)" }.joined(separator: ", ")) }")
        }
        var isIncomplete = false
        while let changes = try small.next(until: .after(.milliseconds(50))) {
            if changes.areIncomplete {
                isIncomplete = true
                #expect(changes.concern([Table(.ip6, "anything")]))
            }
        }
        #expect(isIncomplete)
        try nft("add table ip6 after")
        #expect(try small.next(until: .after(.seconds(5)))?.tables == [Table(.ip6, "after")])
    }

    @Test func `can be waited for with others by its descriptor`() throws {
        #expect(try !Deadline.after(.zero).waitUntilReadable(monitor.rawDescriptor))
        try nft("add table inet t")
        #expect(try Deadline.after(.seconds(5)).waitUntilReadable(monitor.rawDescriptor))
        #expect(try next()?.tables == [Table(.inet, "t")])
        #expect(try !Deadline.after(.zero).waitUntilReadable(monitor.rawDescriptor))
    }
}
