// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import NFTables
import Overlay
import Testing

@Suite struct `Damaged traffic rules` {
    @Test(arguments: RuleSabotage.all)
    func `are as they were after one run, and the next writes nothing`(_ sabotage: RuleSabotage) throws {
        let host = try RuleHost()
        try host.dropForwarded()
        try host.run()
        let before = try host.state()
        try host.script(RuleSabotage.prelude + sabotage.script)
        #expect(try host.state() != before, "the sabotage does nothing")
        let report = try host.run()
        #expect(report.repairs == sabotage.repairs)
        #expect(report.failures.isEmpty)
        #expect(try host.state() == before)
        let generation = try host.generation()
        #expect(try host.run().isUnchanged)
        #expect(try host.generation() == generation)
    }

    @Test func `come back after a flush of everything, and with them FORWARD's when it is back`() throws {
        let host = try RuleHost()
        try host.dropForwarded()
        try host.run()
        let before = try host.state()
        try host.script("nft flush ruleset")
        let report = try host.run()
        #expect(report.repairs == [.ruleTableAdded: 1] && report.forwardingFamilies.isEmpty)
        try host.dropForwarded()
        #expect(try host.run().repairs == [.ruleChainAdded: 1, .forwardAcceptanceSet: 2])
        #expect(try host.state() == before)
    }

    @Test func `are whole after iptables restored what it saved`() throws {
        let host = try RuleHost()
        try host.dropForwarded()
        try host.run()
        let before = try host.state()
        try host.script(
            "iptables-save >/dev/null; iptables-save | iptables-restore; ip6tables-save | ip6tables-restore"
        )
        #expect(try host.run().isUnchanged)
        #expect(try host.state() == before)
    }

    @Test func `are removed with nothing left, and a second time there is nothing to do`() throws {
        let host = try RuleHost()
        try host.script(
            "iptables -A FORWARD -s 192.0.2.0/24 -j DROP; ip6tables -P FORWARD DROP; nft add table inet other"
        )
        let before = try host.script("nft list ruleset")
        try host.run()
        #expect(try host.script("nft list ruleset") != before)
        let report = try host.keeper.remove()
        #expect(report.repairs == [.ruleTableRemoved: 1, .forwardAcceptanceRemoved: 2])
        #expect(try host.script("nft list ruleset") == before)
        #expect(try host.keeper.remove().isUnchanged)
    }

    @Test(arguments: [0, 3000])
    func `an unchanged run takes little, also beside thousands of others' chains`(count: Int) throws {
        let host = try RuleHost()
        try host.dropForwarded()
        try host.run()
        try host.script("iptables -t nat -N MINE")
        for table in ["ip filter", "ip nat", "inet other"] where count > 0 {
            let chains = (0..<count).map { "add chain \(table) c\($0)\nadd rule \(table) c\($0) counter accept\n" }
            try host.namespace.run {
                Result { _ = try Command.run("nft", "-f", "-", input: "add table \(table)\n" + chains.joined()) }
            }.get()
        }
        #expect(try host.run().isUnchanged)
        let clock = ContinuousClock()
        let generation = try host.generation()
        var times: [Duration] = []
        for _ in 0..<200 {
            let start = clock.now
            let report = try host.run()
            times.append(clock.now - start)
            #expect(report.isUnchanged)
        }
        times.sort()
        #expect(try host.generation() == generation)
        print("unchanged run beside \(3 * count) chains: median \(times[100]), 95th percentile \(times[190])")
        #expect(times[100] < .milliseconds(20))
    }

    @Test func `are back within milliseconds of the monitor's word`() throws {
        let host = try RuleHost()
        try host.dropForwarded()
        try host.run()
        let before = try host.state()
        let monitor = try RulesetMonitor.open(in: host.namespace)
        let saboteur = try NFTablesSocket.open(in: host.namespace)
        let clock = ContinuousClock()
        var times: [Duration] = []
        for _ in 0..<50 {
            var damage = Transaction()
            try damage.delete(TrafficRules.table)
            let start = clock.now
            #expect(try saboteur.commit(damage) == .committed)
            let changes = try monitor.next(until: .after(.seconds(5)))
            #expect(changes?.concern(TrafficRules.watchedTables) == true)
            #expect(try host.run().repairs == [.ruleTableAdded: 1])
            times.append(clock.now - start)
            // Our own change is reported as well, and there is nothing to do about it.
            #expect(try monitor.next(until: .after(.seconds(5)))?.tables == [TrafficRules.table])
            #expect(try host.run().isUnchanged)
        }
        times.sort()
        #expect(try host.state() == before)
        print("deleted table is back: median \(times[25]), 95th percentile \(times[47])")
        #expect(times[25] < .milliseconds(100))
    }
}
