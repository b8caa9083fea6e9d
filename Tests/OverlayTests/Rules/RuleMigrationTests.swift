// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import Testing

/// What another flannel leaves on a node when it ends.
enum FormerRules: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case iptables = "by iptables"
    case nftables = "by nft"
    case older = "by iptables, before it had chains of its own"

    var testDescription: String { rawValue }

    /// How many tables and chains it left, or chains that it left rules in.
    var count: Int { self == .nftables ? 2 : 4 }

    /// For the shell.
    var script: String {
        let families = [
            ("iptables", "10.244.0.0/16", "10.244.1.0/24", "224.0.0.0/4"),
            ("ip6tables", "fd00:244::/48", "fd00:244:0:1::/64", "ff00::/8"),
        ]
        switch self {
        case .iptables:
            return families.map { program, net, pod, multicast in
                """
                nat() { \(program) -t nat -A "$@"; }
                masq() { nat FLANNEL-POSTRTG -m comment --comment "flanneld masq" "$@"; }
                forward() { \(program) -A "$@"; }
                \(program) -t nat -N FLANNEL-POSTRTG; \(program) -N FLANNEL-FWD
                nat POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
                masq -m mark --mark 0x4000/0x4000 -j RETURN
                masq -s \(pod) -d \(net) -j RETURN
                masq -s \(net) -d \(pod) -j RETURN
                masq ! -s \(net) -d \(pod) -j RETURN
                masq -s \(net) ! -d \(multicast) -j MASQUERADE --random-fully
                masq ! -s \(net) -d \(net) -j MASQUERADE --random-fully
                forward FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
                forward FLANNEL-FWD -s \(net) -m comment --comment "flanneld forward" -j ACCEPT
                forward FLANNEL-FWD -d \(net) -m comment --comment "flanneld forward" -j ACCEPT
                """
            }.joined(separator: "\n")
        case .older:
            return families.map { program, net, pod, multicast in
                """
                masq() { \(program) -t nat -A POSTROUTING -m comment --comment "flanneld masq" "$@"; }
                forward() { \(program) -A FORWARD -m comment --comment "flanneld forward" "$@"; }
                masq -s \(net) -d \(net) -j RETURN
                masq -s \(net) ! -d \(multicast) -j MASQUERADE --random-fully
                masq ! -s \(net) -d \(pod) -j RETURN
                masq ! -s \(net) -d \(net) -j MASQUERADE --random-fully
                forward -s \(net) -j ACCEPT; forward -d \(net) -j ACCEPT
                """
            }.joined(separator: "\n")
        case .nftables:
            return families.map { program, net, pod, multicast in
                let (ip, table) = program == "iptables" ? ("ip", "flannel-ipv4") : ("ip6", "flannel-ipv6")
                return """
                    nft -f - <<END
                    table \(ip) \(table) {
                      comment "flannel";
                      chain postrtg {
                        comment "chain to manage traffic masquerading by flannel"
                        type nat hook postrouting priority srcnat; policy accept;
                        meta mark 0x4000 return
                        \(ip) saddr \(pod) \(ip) daddr \(net) return
                        \(ip) saddr \(net) \(ip) daddr \(pod) return
                        \(ip) saddr != \(pod) \(ip) daddr \(net) return
                        \(ip) saddr \(net) \(ip) daddr != \(multicast) masquerade fully-random
                        \(ip) saddr != \(net) \(ip) daddr \(net) masquerade fully-random
                      }
                      chain forward {
                        comment "chain to accept flannel traffic"
                        type filter hook forward priority filter; policy accept;
                        \(ip) saddr \(net) accept
                        \(ip) daddr \(net) accept
                      }
                    }
                    END
                    """
            }.joined(separator: "\n")
        }
    }
}

@Suite struct `What another flannel left` {
    /// Chains of iptables as they are on a host where something else uses them, too.
    private static let others = """
        for program in iptables ip6tables; do
            $program -t nat -N MINE; $program -t nat -A POSTROUTING -j MINE; $program -N MINE
            $program -A FORWARD -m comment --comment 'not flanneld forward' -j MINE
        done
        nft add table ip flannel-ipv6; nft add table inet flannel-ipv4
        """

    /// All rules, and all tables in alphabetical order.
    private func all(_ host: RuleHost) throws -> [String] {
        try host.state() + host.script("nft list tables | sort").split(separator: "\n").map(String.init)
    }

    @Test(arguments: FormerRules.allCases)
    func `goes in the transaction in which ours come, and nothing else does`(former: FormerRules) throws {
        let host = try RuleHost()
        try host.script(Self.others)
        try host.run()
        let wanted = try all(host)
        _ = try host.keeper.remove()
        try host.script(former.script)
        let generation = try host.generation()
        let report = try host.run(removingLeftovers: true)
        #expect(try host.generation() == generation + 1)
        #expect(report.repairs[.flannelLeftoverRemoved] == former.count)
        #expect(report.repairs[.ruleTableAdded] == 1)
        #expect(report.failures.isEmpty)
        #expect(try all(host) == wanted)
        #expect(try host.run(removingLeftovers: true).isUnchanged)
        #expect(try host.run().isUnchanged)
    }

    @Test(arguments: FormerRules.allCases)
    func `stays until it is to go`(former: FormerRules) throws {
        let host = try RuleHost()
        try host.script(former.script)
        let before = try host.script("nft list ruleset")
        try host.run()
        _ = try host.keeper.remove()
        #expect(try host.script("nft list ruleset") == before)
    }

    @Test func `is emptied where somebody else leads to it`() throws {
        let host = try RuleHost()
        try host.script(FormerRules.iptables.script)
        try host.script("iptables -t nat -N MINE; iptables -t nat -A MINE -j FLANNEL-POSTRTG")
        let report = try host.run(removingLeftovers: true)
        #expect(report.repairs[.flannelLeftoverRemoved] == 4 && report.failures.isEmpty)
        let rules = try host.script("iptables -t nat -S").split(separator: "\n")
        #expect(rules.filter { $0.contains("FLANNEL") } == ["-N FLANNEL-POSTRTG", "-A MINE -j FLANNEL-POSTRTG"])
        #expect(try host.run(removingLeftovers: true).isUnchanged)
    }

    @Test func `that the kernel does not give away is reported, and ours are there all the same`() throws {
        let host = try RuleHost()
        try host.script(FormerRules.iptables.script)
        // A table that a living process owns is changed by nobody else.
        let owner = try TableOwner("ip6", "flannel-ipv6", in: host.namespace)
        let report = try host.run(removingLeftovers: true)
        #expect(report.failures.map(\.part) == [.leftovers])
        #expect(report.failures.first?.description.contains("flannel-ipv6") == true)
        #expect(report.repairs[.ruleTableAdded] == 1)
        #expect(try host.table().contains("chain masquerade4 {"))
        try owner.end(in: host.namespace, "flannel-ipv6")
        let again = try host.run(removingLeftovers: true)
        #expect(again.failures.isEmpty && again.repairs[.flannelLeftoverRemoved] == 4)
    }

    @Test(arguments: AddressFamily.allCases, FormerRules.allCases)
    func `is taken over from with no packet seen with a container's address`(
        family: AddressFamily,
        former: FormerRules
    ) throws {
        let scene = try TrafficScene()
        try scene.host.script(former.script)
        let receiver = try scene.socket(at: .world, family)
        let flood = try scene.flood(to: try TrafficScene.address(.world, family), receiver.port)
        let node = try TrafficScene.address(.node, family)
        #expect(try receiver.receive(within: 5) == node)
        let report = try scene.host.run(removingLeftovers: true)
        #expect(report.repairs[.flannelLeftoverRemoved] == former.count)
        var seen: [IPAddress: Int] = [:]
        for _ in 0..<200 {
            if let sender = try receiver.receive(within: 5) { seen[sender, default: 0] += 1 }
        }
        flood.stop()
        while let sender = try receiver.takeOne() { seen[sender, default: 0] += 1 }
        #expect(seen.keys.sorted() == [node])
    }
}

/// A process that owns a table, which nobody else may change, and which ends with it.
final class TableOwner {
    private let process: String

    init(_ family: String, _ table: String, in namespace: borrowing NetworkNamespace) throws {
        let script = """
            { echo 'add table \(family) \(table) { flags owner; }'; exec sleep 20; } 2>/dev/null | nft -i >/dev/null 2>&1 &
            process=$!
            for try in $(seq 100); do
                if nft list tables | grep -q '\(table)'; then echo $process; exit; fi
                sleep 0.05
            done
            exit 1
            """
        process = try Command.run("sh", "-c", script, in: namespace)
    }

    /// Ends the process, and waits until the table is gone with it.
    func end(in namespace: borrowing NetworkNamespace, _ table: String) throws {
        let script = """
            kill \(process.filter(\.isNumber))
            for try in $(seq 100); do
                if ! nft list tables | grep -q '\(table)'; then exit; fi
                sleep 0.05
            done
            exit 1
            """
        try Command.run("sh", "-c", script, in: namespace)
    }
}
