// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ForeignForwarding
internal import IPAddresses
public import NFTables

extension TrafficRules {
    /// The table of ours, `inet flannel`: all in it is the daemon's.
    public static var table: Table { Table(.inet, "flannel") }

    /// The tables in which a change may be one of what should be.
    public static var watchedTables: [Table] { [table] + AddressFamily.allCases.map(ForeignForwardChain.table) }

    /// What should be in the table of ours.
    ///
    /// - Parameter families: Where forwarded packets are marked, for a foreign chain may drop them.
    func desiredTable(markingForwarded families: [AddressFamily]) -> DesiredTable {
        var chains: [DesiredTable.DesiredChain] = []
        if masquerades {
            var jumps: [Rule] = []
            for family in scopes.families {
                guard let scope = scopes[family] else { continue }
                let chain = Chain(family == .v4 ? "masquerade4" : "masquerade6")
                chains.append(.init(chain: chain, rules: masquerading(family, scope)))
                jumps.append(Rule([.family(family), .verdict(.jump(chain.name))]))
            }
            if !jumps.isEmpty {
                let attachment = Chain.Attachment(.nat, .postrouting, priority: ChainPriority.sourceNAT)
                chains.append(.init(chain: Chain("postrouting", at: attachment), rules: jumps))
            }
        }
        let marking = families.flatMap { scopes[$0].map(forwarding) ?? [] }
        if grantsForwarding, !marking.isEmpty {
            let attachment = Chain.Attachment(.filter, .forward, priority: ChainPriority.filter - 10)
            chains.append(.init(chain: Chain("forward", at: attachment), rules: marking))
        }
        return DesiredTable(table: Self.table, chains: chains)
    }

    /// The rules of flannel with iptables, in its order.
    private func masquerading(_ family: AddressFamily, _ scope: Scope) -> [Rule] {
        let (network, subnet) = (scope.network, scope.subnet)
        let masquerade = Statement.masquerade(randomizesPorts ? .fullyRandom : [])
        var unicast: [Statement] = []
        if let multicast = Self.multicast(family) { unicast = [.destination(multicast, isInverted: true)] }
        return [
            Rule([.mark(hasBit: 0x4000), .counter, .verdict(.return)], comment: "kube-proxy masquerades these"),
            Rule(
                [.source(subnet), .destination(network), .counter, .verdict(.return)],
                comment: "container to container"
            ),
            Rule(
                [.source(network), .destination(subnet), .counter, .verdict(.return)],
                comment: "another node's container to one here"
            ),
            Rule(
                [.source(network, isInverted: true), .destination(subnet), .counter, .verdict(.return)],
                comment: "from outside to a container here"
            ),
            Rule([.source(network)] + unicast + [.counter, masquerade], comment: "container to outside"),
            Rule(
                [.source(network, isInverted: true), .destination(network), .counter, masquerade],
                comment: "from outside to another node's container"
            ),
        ]
    }

    private func forwarding(_ scope: Scope) -> [Rule] {
        [
            Rule([.source(scope.network), .counter, .setMark(bit: forwardMark)], comment: "from the network"),
            Rule([.destination(scope.network), .counter, .setMark(bit: forwardMark)], comment: "to the network"),
        ]
    }

    private static func multicast(_ family: AddressFamily) -> IPPrefix? {
        IPPrefix(family == .v4 ? "224.0.0.0/4" : "ff00::/8")
    }
}
