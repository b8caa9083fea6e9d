// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import NFTables
internal import Netlink

/// What flannel left in nf_tables on this node: its own tables, or what it had iptables write where that is iptables-nft.
///
/// It removes none of it when it ends. Rules that an iptables-legacy wrote are out of reach.
struct FlannelLeftovers: Hashable, Sendable {
    /// A chain that rules of one of iptables' own chains lead to.
    struct Branch: Hashable, Sendable {
        let table: Table
        let entry: String
        let chain: String
        /// The rules of the entry that are flannel's: jumps, and before there were chains of its own, all it had.
        var rules: [UInt64] = []
        /// Whether the chain is there, with any rules, and nothing else leads to it.
        var isThere = false
        var isEmpty = true
        var isFree = false
    }

    private(set) var tables: [Table] = []
    private(set) var branches: [Branch] = []

    /// Reads what there is.
    static func read(_ socket: borrowing NFTablesSocket) throws(NetlinkError) -> FlannelLeftovers {
        var found = FlannelLeftovers()
        for table in [Table(.ip, "flannel-ipv4"), Table(.ip6, "flannel-ipv6")] {
            if try socket.table(table) != nil { found.tables.append(table) }
        }
        for family in [TableFamily.ip, .ip6] {
            let places = [
                (Table(family, "nat"), "POSTROUTING", "FLANNEL-POSTRTG", "flanneld masq"),
                (Table(family, "filter"), "FORWARD", "FLANNEL-FWD", "flanneld forward"),
            ]
            for (table, entry, chain, comment) in places {
                var branch = Branch(table: table, entry: entry, chain: chain)
                let rules = try socket.rules(of: entry, in: table)
                    .filter { $0.comment == comment || $0.targets.contains(chain) }
                branch.rules = rules.map(\.handle)
                if let listed = try socket.chain(chain, of: table) {
                    let own = try socket.rules(of: chain, in: table)
                    let jumpCount = rules.count { $0.targets.contains(chain) }
                    branch.isThere = true
                    branch.isEmpty = own.isEmpty
                    branch.isFree = listed.useCount == UInt32(own.count + jumpCount)
                }
                // One that is empty but in use stays as it is.
                if !branch.rules.isEmpty || branch.isFree || branch.isThere && !branch.isEmpty {
                    found.branches.append(branch)
                }
            }
        }
        return found
    }

    /// The rules of a table that go.
    func rules(of table: Table) -> Set<UInt64> { Set(branches.filter { $0.table == table }.flatMap(\.rules)) }

    /// Appends the removal of all of it, and counts it.
    func appendRemoval(
        to transaction: inout Transaction,
        _ repairs: inout [Change.Kind: Int]
    ) throws(NetlinkError) {
        for table in tables {
            try transaction.delete(table)
            repairs[.flannelLeftoverRemoved, default: 0] += 1
        }
        for branch in branches {
            for rule in branch.rules { try transaction.deleteRule(rule, from: branch.entry, of: branch.table) }
            if branch.isFree {
                try transaction.deleteChain(branch.chain, of: branch.table)
            } else if !branch.isEmpty {
                try transaction.flushChain(branch.chain, of: branch.table)
            }
            repairs[.flannelLeftoverRemoved, default: 0] += 1
        }
    }
}
