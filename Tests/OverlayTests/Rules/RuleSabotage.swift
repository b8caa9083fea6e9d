// swift-cni, SPDX-License-Identifier: Apache-2.0

import Overlay
import Testing

/// What somebody does to the rules behind the daemon's back.
struct RuleSabotage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// For the shell; `handle CHAIN REMARK` prints a rule's handle.
    let script: String
    /// What is repaired, and how often.
    let repairs: [Change.Kind: Int]

    init(_ description: String, _ script: String, _ repairs: [Change.Kind: Int]) {
        testDescription = description
        self.script = script
        self.repairs = repairs
    }

    static let prelude = #"""
        handle() { nft -a list chain inet flannel "$1" | sed -n "s/.*$2.*# handle //p"; }
        rule() { nft "$1 rule inet flannel $2 $3"; }

        """#

    static let ofRules: [RuleSabotage] = [
        .init(
            "a rule is deleted",
            "rule delete masquerade4 \"handle $(handle masquerade4 'container to outside')\"",
            [.ruleChainChanged: 1]
        ),
        .init("a rule is added in front", "rule insert masquerade6 accept", [.ruleChainChanged: 1]),
        .init("a rule is added behind", "rule add postrouting 'ip daddr 192.0.2.9 masquerade'", [.ruleChainChanged: 1]),
        .init("a rule with a set is added", "rule add forward 'tcp dport { 80, 443 } drop'", [.ruleChainChanged: 1]),
        .init(
            "a rule with a chain of its own is added",
            "rule add forward 'tcp dport vmap { 80 : drop }'; rule add forward 'tcp dport 1 jump { drop; }'",
            [.ruleChainChanged: 1]
        ),
        .init(
            "a rule's prefix is edited",
            "rule replace masquerade4 \"handle $(handle masquerade4 'container to outside') ip saddr 10.245.0.0/16 "
                + "ip daddr != 224.0.0.0/4 counter masquerade fully-random comment \\\"container to outside\\\"\"",
            [.ruleChainChanged: 1]
        ),
        .init(
            "a rule loses an option",
            "rule replace masquerade4 \"handle $(handle masquerade4 'container to outside') ip saddr 10.244.0.0/16 "
                + "ip daddr != 224.0.0.0/4 counter masquerade comment \\\"container to outside\\\"\"",
            [.ruleChainChanged: 1]
        ),
        .init(
            "a rule loses its mask",
            "rule replace masquerade4 \"handle $(handle masquerade4 kube-proxy) meta mark 0x4000 counter return "
                + "comment \\\"kube-proxy masquerades these\\\"\"",
            [.ruleChainChanged: 1]
        ),
        .init(
            "a rule loses its remark",
            "rule replace masquerade4 \"handle $(handle masquerade4 kube-proxy) meta mark & 0x4000 == 0x4000 counter return\"",
            [.ruleChainChanged: 1]
        ),
        .init(
            "two rules change places",
            "rule delete masquerade4 \"handle $(handle masquerade4 'here')\" 2>/dev/null || true\n"
                + "h=$(handle masquerade4 'container to container'); rule delete masquerade4 \"handle $h\"\n"
                + "rule add masquerade4 'ip saddr 10.244.1.0/24 ip daddr 10.244.0.0/16 counter return "
                + "comment \"container to container\"'",
            [.ruleChainChanged: 1]
        ),
        .init("all rules are flushed", "nft flush table inet flannel", [.ruleChainChanged: 4]),
    ]

    static let ofChains: [RuleSabotage] = [
        .init("the nat chain is deleted", "nft delete chain inet flannel postrouting", [.ruleChainAdded: 1]),
        .init("the filter chain is deleted", "nft delete chain inet flannel forward", [.ruleChainAdded: 1]),
        .init(
            "a family's chain is deleted",
            "nft 'flush chain inet flannel postrouting; delete chain inet flannel masquerade6'",
            [.ruleChainChanged: 1, .ruleChainAdded: 1]
        ),
        .init("a policy is changed", "nft 'chain inet flannel forward { policy drop; }'", [.ruleChainChanged: 1]),
        .init(
            "the nat chain has another priority",
            "nft 'delete chain inet flannel postrouting; add chain inet flannel postrouting "
                + "{ type nat hook postrouting priority 90; }; add rule inet flannel postrouting meta nfproto ipv4 jump masquerade4;"
                + " add rule inet flannel postrouting meta nfproto ipv6 jump masquerade6'",
            [.ruleChainChanged: 1]
        ),
        .init(
            "the filter chain is at another hook",
            "nft 'delete chain inet flannel forward; add chain inet flannel forward "
                + "{ type filter hook input priority -10; }'",
            [.ruleChainChanged: 1]
        ),
        .init(
            "the filter chain is of a kind that is not known here",
            "nft 'delete chain inet flannel forward; add chain inet flannel forward "
                + "{ type route hook output priority -10; }'",
            [.ruleChainChanged: 1]
        ),
        .init(
            "the nat chain is a regular one",
            "nft 'delete chain inet flannel postrouting; add chain inet flannel postrouting'",
            [.ruleChainChanged: 1]
        ),
        .init(
            "a family's chain is a base chain",
            "nft 'flush chain inet flannel postrouting; delete chain inet flannel masquerade4; add chain inet flannel "
                + "masquerade4 { type filter hook input priority 0; policy drop; }'",
            [.ruleChainChanged: 2]
        ),
        .init("a chain is added", "nft add chain inet flannel stray", [.ruleChainRemoved: 1]),
        .init(
            "chains are added that lead to each other and that a rule leads to",
            "nft 'add chain inet flannel a; add chain inet flannel b; add rule inet flannel b jump a; "
                + "add rule inet flannel forward jump b; add chain inet flannel c "
                + "{ type filter hook forward priority 0; policy drop; }; add rule inet flannel c goto b'",
            [.ruleChainRemoved: 3, .ruleChainChanged: 1]
        ),
    ]

    static let ofTable: [RuleSabotage] = [
        .init(
            "a set is added and used",
            "nft 'add set inet flannel s { type ipv4_addr; elements = { 192.0.2.1 }; }; "
                + "add rule inet flannel masquerade4 ip saddr @s drop'",
            [.ruleSetRemoved: 1, .ruleChainChanged: 1]
        ),
        .init(
            "a map is added that leads to one of our chains and to a new one",
            "nft 'add chain inet flannel stray; add map inet flannel m { type ipv4_addr : verdict; elements = { "
                + "192.0.2.1 : jump masquerade4, 192.0.2.2 : jump stray }; }'",
            [.ruleSetRemoved: 1, .ruleChainRemoved: 1]
        ),
        .init(
            "an object is added and used",
            "nft 'add counter inet flannel c; add rule inet flannel masquerade4 counter name c'",
            [.ruleTableAdded: 1]
        ),
        .init("the table is made dormant", "nft 'add table inet flannel { flags dormant; }'", [.ruleTableAdded: 1]),
        .init("the table is deleted", "nft delete table inet flannel", [.ruleTableAdded: 1]),
        .init(
            "the table is another one",
            "nft 'delete table inet flannel; add table inet flannel'",
            [.ruleChainAdded: 4]
        ),
    ]

    static let ofForeignChain: [RuleSabotage] = [
        .init("FORWARD is flushed", "iptables -F FORWARD", [.forwardAcceptanceSet: 1]),
        .init("the chains of iptables are flushed", "ip6tables -F", [.forwardAcceptanceSet: 1]),
        .init(
            "our chain in iptables is deleted",
            "iptables -F FORWARD; iptables -F CNI-FORWARD; iptables -X CNI-FORWARD",
            [.forwardAcceptanceSet: 1]
        ),
        .init(
            "the rule that accepts the mark is edited",
            "h=$(nft -a list chain ip filter CNI-FORWARD | sed -n 's/.*flanneld.*# handle //p')\n"
                + "nft \"replace rule ip filter CNI-FORWARD handle $h meta mark & 0x2000 == 0x2000 counter accept "
                + "comment \\\"flanneld forward mark 0x1000\\\"\"",
            [.forwardAcceptanceSet: 1]
        ),
        .init(
            "the jump gets a condition",
            "iptables -F FORWARD; iptables -A FORWARD -i eth7 -j CNI-FORWARD; iptables -D FORWARD 1; iptables -A FORWARD "
                + "-i eth7 -m comment --comment 'CNI firewall plugin rules' -j CNI-FORWARD; iptables -D FORWARD 1",
            [.forwardAcceptanceSet: 1]
        ),
    ]

    static let all = ofRules + ofChains + ofTable + ofForeignChain
}
