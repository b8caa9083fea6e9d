// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import CNIPlugin
import ContainerNetwork
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

@Suite struct `What the reference left` {
    /// A namespace with rulesets in the reference's shape.
    final class Host {
        let namespace: NetworkNamespace

        init() throws { namespace = try .temporary() }

        /// Runs a script in the namespace, with the variables of a container.
        func run(_ script: String, _ family: Family = .v4, _ container: String = "first") throws {
            let variables = """
                iptables=\(family.program) family=\(family.table) address=\(family.network)\(container.utf8.count)
                subnet=\(family.network)0 multicast=\(family.multicast) id=\(container)
                masq=\(try Self.chain("CNI-", container)) dn=\(try Self.chain("CNI-DN-", container))
                sn=\(try Self.chain("CNI-SN-", container))
                hash() { printf %s "$1" | sha512sum | cut -c1-16; }

                """
            try Command.run("sh", "-ec", variables + script, in: namespace)
        }

        /// All rules, as each tool writes them.
        func state() throws -> [String] {
            let script = "iptables-save; ip6tables-save; nft --stateless list ruleset"
            return try Command.run("sh", "-ec", script, in: namespace).split(separator: "\n").map(String.init)
                // Dates, and warnings about who manages a table.
                .filter { !$0.hasPrefix("#") }
        }

        func leftovers(network: String = "pods", _ container: String = "first") throws -> ReferenceLeftovers {
            let attachment = AttachmentID(containerID: container, interfaceName: "eth0")
            let ruleset = try namespace.run { Result { () throws(CNIError) in try OwnedRuleset.open() } }.get()
            return ReferenceLeftovers(ruleset, AttachmentIdentity(network: network, attachment: attachment))
        }

        /// Runs scripts for a container that stays, then for one whose leftovers go, and holds the second to the first.
        func expectRestored(
            _ scripts: [String],
            _ family: Family = .v4,
            shared: String = "",
            _ remove: (ReferenceLeftovers) throws -> Void
        ) throws {
            try run(shared, family)
            for script in scripts { try run(script, family, "second") }
            let before = try state()
            for script in scripts { try run(script, family) }
            let attached = try state()
            try #require(attached != before)
            try remove(try leftovers(network: "elsewhere", "stranger"))
            #expect(try state() == attached)
            try remove(try leftovers())
            #expect(try state() == before)
            try remove(try leftovers())
            #expect(try state() == before)
        }

        private static func chain(_ prefix: String, _ container: String) throws -> String {
            prefix + SHA512.hash(Array("pods\(container)".utf8)).hexadecimal.prefix(28 - prefix.utf8.count)
        }
    }

    /// How the reference writes a family's rules.
    enum Family: CaseIterable {
        case v4, v6

        var program: String { self == .v4 ? "iptables" : "ip6tables" }
        var table: String { self == .v4 ? "ip" : "ip6" }
        var network: String { self == .v4 ? "10.88.0." : "fd88::" }
        var multicast: String { self == .v4 ? "224.0.0.0/4" : "ff00::/8" }
    }

    /// What `ipMasq` runs.
    static let masquerading = #"""
        $iptables -t nat -N $masq
        $iptables -t nat -A $masq -d $subnet/24 -m comment --comment "name: \"pods\" id: \"$id\"" -j ACCEPT
        $iptables -t nat -A $masq ! -d $multicast -m comment --comment "name: \"pods\" id: \"$id\"" -j MASQUERADE
        $iptables -t nat -A POSTROUTING -s $address -m comment --comment "name: \"pods\" id: \"$id\"" -j $masq
        """#

    /// What portmap runs once.
    static let sharedPortChains = #"""
        for chain in CNI-HOSTPORT-DNAT CNI-HOSTPORT-SNAT CNI-HOSTPORT-SETMARK CNI-HOSTPORT-MASQ; do
            $iptables -t nat -N $chain
        done
        $iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
        $iptables -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
        $iptables -t nat -I POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
        $iptables -t nat -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
        $iptables -t nat -A CNI-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000
        """#

    /// What portmap runs, and what it ran up to 0.7.
    static let ports = #"""
        $iptables -t nat -N $dn
        $iptables -t nat -A $dn -s $subnet/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
        $iptables -t nat -A $dn -p tcp -m tcp --dport 8080 -j DNAT --to-destination :80
        for protocol in tcp udp; do
            $iptables -t nat -A CNI-HOSTPORT-DNAT -p $protocol -m comment --comment "dnat name: \"pods\" id: \"$id\"" \
                -m multiport --dports 8080 -j $dn
        done
        $iptables -t nat -N $sn
        $iptables -t nat -A $sn -s $address -p tcp -m tcp --dport 80 -j MASQUERADE
        $iptables -t nat -A CNI-HOSTPORT-SNAT -s $address -j $sn
        """#

    @Test(arguments: Family.allCases)
    func `by iptables goes: masquerading`(family: Family) throws {
        let host = try Host()
        try host.expectRestored([Self.masquerading], family) { try $0.removeMasquerading() }
    }

    @Test(arguments: Family.allCases)
    func `by iptables goes: ports`(family: Family) throws {
        let host = try Host()
        try host.expectRestored([Self.ports], family, shared: Self.sharedPortChains) { try $0.removePortMaps() }
    }

    @Test(arguments: Family.allCases)
    func `by nft goes: masquerading`(family: Family) throws {
        let shared = """
            nft 'table inet cni_plugins_masquerade { chain masq_checks { }; chain postrouting {
                type nat hook postrouting priority 100; ip daddr 224.0.0.0/4 return; goto masq_checks; }; }'
            nft 'add rule inet cni_plugins_masquerade masq_checks counter comment "of nobody"'
            """
        let script = #"""
            nft "add rule inet cni_plugins_masquerade masq_checks $family saddr $address masquerade \
                comment \"$(hash pods)-$(hash eth0:$id), net: pods, if: eth0, id: $id\""
            """#
        let host = try Host()
        // The same container's other interface, and its interface on another network, are others'.
        try host.run(
            shared + #"""

                for mark in $(hash pods)-$(hash eth1:first) $(hash others)-$(hash eth0:first) $(hash pods); do
                    nft "add rule inet cni_plugins_masquerade masq_checks masquerade comment \"$mark, net: pods\""
                done
                """#
        )
        try host.expectRestored([script], family) { try $0.removeMasquerading() }
    }

    @Test(arguments: Family.allCases)
    func `by nft goes: ports`(family: Family) throws {
        let shared = """
            nft "table $family cni_hostport { chain hostports { }; chain hostip_hostports { };
                chain masquerading { type nat hook postrouting priority 100; };
                chain prerouting { type nat hook prerouting priority -100; fib daddr type local jump hostports; }; }"
            """
        let script = #"""
            nft "add rule $family cni_hostport hostports tcp dport 80 dnat to $address comment \"$id\"
                add rule $family cni_hostport hostip_hostports $family daddr $address udp dport 80 accept comment \"$id\"
                add rule $family cni_hostport masquerading $family saddr $address masquerade comment \"$id\""
            """#
        let host = try Host()
        try host.expectRestored([script], family, shared: shared) { try $0.removePortMaps() }
    }

    @Test func `goes: the guard against foreign hardware addresses`() throws {
        let shared = "nft 'table bridge nat { chain PREROUTING { type filter hook prerouting priority -300; }; }'"
        let script = #"""
            chain=cni-br-iface-$id-eth0 mark="comment \"macspoofchk-$id-eth0\""
            nft "add chain bridge nat $chain; add chain bridge nat $chain-mac
                add rule bridge nat PREROUTING iifname veth$id jump $chain $mark
                add rule bridge nat $chain jump $chain-mac $mark
                add rule bridge nat $chain-mac ether saddr 02:00:00:00:00:01 return $mark
                add rule bridge nat $chain-mac drop $mark"
            """#
        let host = try Host()
        try host.expectRestored([script], shared: shared) { try $0.removeSpoofGuard() }
    }

    @Test(arguments: Family.allCases)
    func `goes: the firewall's rules for the addresses, and none that resembles them`(family: Family) throws {
        let shared = #"""
            $iptables -N CNI-FORWARD; $iptables -N CNI-ADMIN
            $iptables -I FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
            $iptables -A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
            $iptables -A CNI-FORWARD -s $address -j DROP
            $iptables -A CNI-FORWARD ! -s $address -j ACCEPT
            $iptables -A CNI-FORWARD -d $address -j ACCEPT
            $iptables -A CNI-FORWARD -s $address/24 -j ACCEPT
            $iptables -A CNI-FORWARD -s $address -i eth0 -j ACCEPT
            $iptables -A CNI-FORWARD -s $address -p tcp -m tcp --dport 80 -j ACCEPT
            $iptables -A CNI-FORWARD -s $address -m comment --comment "an administrator's" -j ACCEPT
            $iptables -A CNI-ADMIN -s $address -j ACCEPT
            """#
        let script = #"""
            $iptables -A CNI-FORWARD -d $address -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            $iptables -A CNI-FORWARD -s $address -j ACCEPT
            """#
        let host = try Host()
        try host.run(shared, family)
        try host.run(script, family, "second")
        let before = try host.state()
        try host.run(script, family)
        let addresses = try ["\(family.network)5", "192.0.2.9"].map { text in
            let address = try #require(IPAddress(text))
            return try #require(IPPrefix("\(address)/24"))
        }
        try host.leftovers().removeFirewallRules(of: [])
        try #require(try host.state() != before)
        try host.leftovers().removeFirewallRules(of: addresses)
        #expect(try host.state() == before)
    }

    @Test func `stays as an empty chain where somebody else leads to it`() throws {
        let host = try Host()
        try host.run(Self.masquerading + "\n$iptables -t nat -N mine; $iptables -t nat -A mine -j $masq")
        try host.leftovers().removeMasquerading()
        let rules = try host.state().filter { $0.hasPrefix("-A") }
        #expect(rules.count == 1 && rules.first?.hasPrefix("-A mine -j CNI-") == true)
        try host.leftovers().removeMasquerading()
    }

    @Test(arguments: ["first", String(repeating: "long", count: 60)])
    func `is looked for where there is nothing`(container: String) throws {
        let host = try Host()
        let leftovers = try host.leftovers(container)
        try leftovers.removeMasquerading()
        try leftovers.removePortMaps()
        try leftovers.removeSpoofGuard()
        try leftovers.removeFirewallRules(of: [try #require(IPPrefix("10.88.0.5/24"))])
        #expect(try Command.run("nft", "list", "ruleset", in: host.namespace).isEmpty)
    }

    @Test(arguments: [("iptables-legacy", true), ("ip6tables-legacy", true), ("iptables-nft", false)])
    func `in iptables' own tables is pointed at`(program: String, isLegacy: Bool) throws {
        let host = try Host()
        // The kernel may lack these tables.
        guard (try? Command.run(program, "-t", "nat", "-S", in: host.namespace)) != nil else { return }
        let diagnostics = Diagnostics()
        try host.namespace.run { LegacyTables.warnIfPresent(diagnostics) }
        #expect(diagnostics.lines.contains { $0.contains("iptables-legacy-save") } == isLegacy)
    }
}
