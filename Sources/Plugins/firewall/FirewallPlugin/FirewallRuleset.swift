// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ContainerNetwork
internal import IPAddresses
internal import NFTables

/// The firewall's part of our tables.
///
/// A forwarded packet looks up the interface it came in by together with its source, and unless it begins a connection that
/// nobody published, the interface it goes out by together with its destination. The element found leads to the network's
/// chain, which marks the packet as accepted.
enum FirewallRuleset {
    /// The containers' addresses, each with the host's interface towards it, lead to the network's chain.
    static func containers(_ family: AddressFamily) -> NamedSet {
        NamedSet(
            family == .v4 ? "firewall4" : "firewall6",
            in: Masquerade.table,
            key: [.interfaceName, .address(family)],
            value: .verdict
        )
    }

    /// What is needed of the table.
    static let layout: RulesetLayout = {
        let outbound = AddressFamily.allCases.map { family in
            Rule([.verdict(of: [.inputInterface, .source(family)], in: containers(family))])
        }
        let inbound = AddressFamily.allCases.map { family in
            Rule([.verdict(of: [.outputInterface, .destination(family)], in: containers(family))])
        }
        return RulesetLayout(
            Masquerade.table,
            sets: AddressFamily.allCases.map(containers),
            chains: [
                (Chain(IsolationChains.targets, comment: "networks that others may not reach"), []),
                (Chain(IsolationChains.sources, comment: "networks with an ingress policy"), []),
                (
                    Chain("inbound", comment: "answers and published ports"),
                    [Rule([.startsUntranslatedConnection, .verdict(.return)])] + inbound
                ),
                (
                    Chain("forwarding", at: .init(.filter, .forward, priority: ChainPriority.filter - 10)),
                    [Rule([.verdict(.jump(IsolationChains.sources))])] + outbound
                        + [Rule([.verdict(.jump("inbound"))])]
                ),
            ]
        )
    }()

    /// The ports of containers that may not reach each other, for frames that no packet filter but the bridge's sees.
    static let isolatedPorts = NamedSet("isolated_ports", in: isolationTable, key: [.interfaceName])

    private static let isolationTable = Table(.bridge, "cni")

    /// What is needed of the bridges' table.
    static let isolationLayout = RulesetLayout(
        isolationTable,
        sets: [isolatedPorts],
        chains: [
            (
                Chain("isolation", at: .init(.filter, .forward, priority: ChainPriority.bridgeFilter)),
                [
                    Rule([
                        .member([.inputInterface], of: isolatedPorts), .member([.outputInterface], of: isolatedPorts),
                        .verdict(.drop),
                    ])
                ]
            )
        ]
    )

    /// The chain of a network.
    static func chain(of network: String, markBit: UInt32) -> NetworkChain {
        NetworkChain(NetworkChain.name("firewall", network: network), network: network) { _ in
            [Rule([.setMark(bit: markBit)], comment: "accepted: 0x\(String(markBit, radix: 16))")]
        }
    }
}
