// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxTesting
import Overlay
import Testing

@Suite struct `Traffic rules` {
    /// What nft should print for the masquerading of a family.
    private static func masquerading(_ family: AddressFamily, _ option: String = " fully-random") -> [String] {
        let v4 = family == .v4
        let (ip, net, pod) =
            v4 ? ("ip", "10.244.0.0/16", "10.244.1.0/24") : ("ip6", "fd00:244::/48", "fd00:244:0:1::/64")
        let multicast = v4 ? "224.0.0.0/4" : "ff00::/8"
        return [
            "chain masquerade\(v4 ? 4 : 6) {",
            "meta mark & 0x00004000 == 0x00004000 counter return comment \"kube-proxy masquerades these\"",
            "\(ip) saddr \(pod) \(ip) daddr \(net) counter return comment \"container to container\"",
            "\(ip) saddr \(net) \(ip) daddr \(pod) counter return comment \"another node's container to one here\"",
            "\(ip) saddr != \(net) \(ip) daddr \(pod) counter return comment \"from outside to a container here\"",
            "\(ip) saddr \(net) \(ip) daddr != \(multicast) counter masquerade\(option) comment \"container to outside\"",
            "\(ip) saddr != \(net) \(ip) daddr \(net) counter masquerade\(option) "
                + "comment \"from outside to another node's container\"",
        ]
    }

    private static func postrouting(_ families: [AddressFamily]) -> [String] {
        ["chain postrouting {", "type nat hook postrouting priority srcnat; policy accept;"]
            + families.map { $0 == .v4 ? "meta nfproto ipv4 jump masquerade4" : "meta nfproto ipv6 jump masquerade6" }
    }

    private static let forward = [
        "chain forward {", "type filter hook forward priority filter - 10; policy accept;",
        "ip saddr 10.244.0.0/16 counter meta mark set meta mark | 0x00001000 comment \"from the network\"",
        "ip daddr 10.244.0.0/16 counter meta mark set meta mark | 0x00001000 comment \"to the network\"",
        "ip6 saddr fd00:244::/48 counter meta mark set meta mark | 0x00001000 comment \"from the network\"",
        "ip6 daddr fd00:244::/48 counter meta mark set meta mark | 0x00001000 comment \"to the network\"",
    ]

    @Test func `masquerade as flannel's do with iptables, each family in a chain of its own`() throws {
        let host = try RuleHost()
        let report = try host.run()
        #expect(report.repairs == [.ruleTableAdded: 1])
        #expect(report.failures.isEmpty && report.forwardingFamilies.isEmpty)
        #expect(
            try host.table() == ["table inet flannel {"] + Self.masquerading(.v4) + Self.masquerading(.v6)
                + Self.postrouting(AddressFamily.allCases)
        )
        #expect(try host.script("nft list tables") == "table inet flannel\n")
        #expect(try host.run().isUnchanged)
    }

    @Test(arguments: AddressFamily.allCases)
    func `there are none for a family that is not configured`(family: AddressFamily) throws {
        let host = try RuleHost(families: [family], randomizesPorts: false)
        try host.run()
        #expect(
            try host.table() == ["table inet flannel {"] + Self.masquerading(family, "") + Self.postrouting([family])
        )
        #expect(try host.run().isUnchanged)
    }

    @Test func `a subnet that the node has no lease for has none either`() throws {
        let rules = TrafficRules(
            own: try Fleet.lease(1, families: [.v6]),
            configuration: try Fleet.configuration(),
            masquerades: true
        )
        #expect(rules.scopes.families == [.v6])
        #expect(rules.scopes.v6?.network == IPPrefix("fd00:244::/48"))
        #expect(rules.scopes.v6?.subnet == IPPrefix("fd00:244:0:1::/64"))
    }

    @Test func `without masquerading and where nothing drops there is no table`() throws {
        let host = try RuleHost(masquerades: false)
        try host.script("iptables -N mine; ip6tables -N mine")
        let before = try host.state()
        #expect(try host.run().isUnchanged)
        #expect(try host.state() == before)
        try host.script("nft add table inet flannel")
        #expect(try host.run().repairs == [.ruleTableRemoved: 1])
        #expect(try host.state() == before)
    }

    @Test func `let packets of the network pass a FORWARD chain that drops`() throws {
        let host = try RuleHost(masquerades: false)
        try host.dropForwarded()
        let report = try host.run()
        #expect(report.repairs == [.ruleTableAdded: 1, .forwardAcceptanceSet: 2])
        #expect(report.forwardingFamilies == AddressFamily.allCases)
        #expect(try host.table() == ["table inet flannel {"] + Self.forward)
        for program in ["iptables", "ip6tables"] {
            #expect(
                try host.script("\(program) -S").split(separator: "\n") == [
                    "-P INPUT ACCEPT", "-P FORWARD DROP", "-P OUTPUT ACCEPT", "-N CNI-FORWARD",
                    "-A FORWARD -m comment --comment \"CNI firewall plugin rules\" -j CNI-FORWARD",
                    "-A CNI-FORWARD -m mark --mark 0x1000/0x1000 -m comment "
                        + "--comment \"flanneld forward mark 0x1000\" -j ACCEPT",
                ]
            )
        }
        #expect(try host.run().isUnchanged)
    }

    @Test func `leave a family's FORWARD chain alone while it drops nothing, and leave it when it no longer does`()
        throws
    {
        let host = try RuleHost()
        try host.script("iptables -P FORWARD DROP; ip6tables -A FORWARD -m comment --comment x; ip6tables -F FORWARD")
        let report = try host.run()
        #expect(report.forwardingFamilies == [.v4])
        #expect(report.repairs == [.ruleTableAdded: 1, .forwardAcceptanceSet: 1])
        #expect(try !host.script("ip6tables-save").contains("CNI-FORWARD"))
        #expect(try !host.table().contains { $0.hasPrefix("ip6 saddr") && $0.contains("mark set") })
        try host.script("ip6tables -A FORWARD -s 2001:db8::/32 -j DROP; iptables -P FORWARD ACCEPT")
        let turned = try host.run()
        #expect(turned.forwardingFamilies == [.v6])
        #expect(
            turned.repairs == [.ruleChainChanged: 1, .forwardAcceptanceSet: 1, .forwardAcceptanceRemoved: 1]
        )
        #expect(try !host.script("iptables-save").contains("CNI-FORWARD"))
        #expect(try host.script("ip6tables-save").contains("CNI-FORWARD"))
        #expect(try host.run().isUnchanged)
    }

    @Test func `are not granted passage unless that is wanted`() throws {
        let host = try RuleHost(grantsForwarding: false)
        try host.dropForwarded()
        let before = try host.script("iptables-save -t filter | grep -v '^#'")
        let report = try host.run()
        #expect(report.repairs == [.ruleTableAdded: 1])
        #expect(try host.script("iptables-save -t filter | grep -v '^#'") == before)
        #expect(try !host.table().contains("chain forward {"))
        #expect(try host.run().isUnchanged)
    }

    @Test(
        arguments: [
            ("-j REJECT", 1), ("-j DROP", 1), ("-m comment --comment last -j REJECT", 1),
            ("-s 192.0.2.0/24 -j DROP", 2),
        ]
    )
    func `come after others' rules, but before one that refuses all`(rule: String, place: Int) throws {
        let host = try RuleHost()
        try host.script("iptables -A FORWARD -s 198.51.100.0/24 -j DROP; iptables -A FORWARD \(rule)")
        try host.run()
        let rules = try host.script("iptables -S FORWARD").split(separator: "\n").dropFirst()
        #expect(rules.firstIndex { $0.contains("CNI-FORWARD") }.map { $0 - rules.startIndex } == place)
        #expect(rules.count == 3)
        #expect(try host.run().isUnchanged)
    }

    @Test func `a changed configuration changes the rules, and no more than that`() throws {
        let host = try RuleHost()
        try host.dropForwarded()
        try host.run()
        host.rules.randomizesPorts = false
        #expect(try host.run().repairs == [.ruleChainChanged: 2])
        #expect(try host.table().contains(Self.masquerading(.v4, "")[5]))
        host.rules.scopes.v6 = nil
        #expect(
            try host.run().repairs == [.ruleChainChanged: 2, .ruleChainRemoved: 1, .forwardAcceptanceRemoved: 1]
        )
        #expect(try !host.state().contains { $0.contains("ip6") || $0.contains("masquerade6") })
        host.rules.forwardMark = 0x10
        #expect(try host.run().repairs == [.ruleChainChanged: 1, .forwardAcceptanceSet: 1])
        #expect(try host.script("iptables -S CNI-FORWARD").split(separator: "\n").count == 2)
        host.rules.masquerades = false
        #expect(try host.run().repairs == [.ruleChainRemoved: 2])
        #expect(try host.run().isUnchanged)
    }
}
