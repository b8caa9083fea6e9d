// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import NFTables
internal import Netlink

/// What lets accepted packets pass the `FORWARD` chains that iptables keeps in nf_tables, which Docker has drop the rest.
///
/// A table of ours cannot overrule another's drop, so their chain gets a jump to `CNI-FORWARD`, and that holds a jump to the
/// administrator's chain and one rule that accepts the mark. All of it is what iptables itself could have written.
struct ForeignForwardChain {
    /// The chain that `FORWARD` leads to, as the reference names it.
    static let name = "CNI-FORWARD"

    private static let tables = [Table(.ip, "filter"), Table(.ip6, "filter")]
    private static let entry = "FORWARD"
    private static let jumpComment = "CNI firewall plugin rules"
    private static let adminComment = "CNI firewall plugin admin overrides"

    private let ruleset: OwnedRuleset

    /// The foreign chains beside a ruleset.
    init(_ ruleset: OwnedRuleset) { self.ruleset = ruleset }

    private static func comment(markBit: UInt32) -> String {
        "CNI firewall plugin mark 0x\(String(markBit, radix: 16))"
    }

    /// Puts in what is missing, where there are such chains.
    func ensure(_ configuration: FirewallConfiguration) throws(CNIError) {
        for table in Self.tables where try isMissing(configuration, table) {
            try ruleset.settle(table) { (transaction) throws(CNIError) in
                try kernel { () throws(NetlinkError) in try appendMissing(configuration, table, to: &transaction) }
            }
        }
    }

    /// The table in which something is missing; nil when all is there, or no such table.
    func difference(_ configuration: FirewallConfiguration) throws(CNIError) -> String? {
        for table in Self.tables where try isMissing(configuration, table) {
            return "table \(table): \(Self.entry) does not lead to \(Self.name), or that does not accept the mark"
        }
        return nil
    }

    private func isMissing(_ configuration: FirewallConfiguration, _ table: Table) throws(CNIError) -> Bool {
        try kernel { () throws(NetlinkError) in
            var transaction = Transaction()
            try appendMissing(configuration, table, to: &transaction)
            return !transaction.isEmpty
        }
    }

    private func appendMissing(
        _ configuration: FirewallConfiguration,
        _ table: Table,
        to transaction: inout Transaction
    ) throws(NetlinkError) {
        guard try ruleset.socket.chain(Self.entry, of: table)?.isBase == true else { return }
        let own = try ruleset.socket.rules(of: Self.name, in: table)
        if try ruleset.socket.chain(configuration.adminChain, of: table) == nil {
            try transaction.add(Chain(configuration.adminChain), to: table)
        }
        if try ruleset.socket.chain(Self.name, of: table) == nil { try transaction.add(Chain(Self.name), to: table) }
        let comment = Self.comment(markBit: configuration.markBit)
        if !own.contains(where: { $0.comment == comment }) {
            let rule = Rule([.mark(hasBit: configuration.markBit), .counter, .verdict(.accept)], comment: comment)
            try transaction.add(rule, to: Self.name, of: table)
        }
        if !own.contains(where: { $0.targets.contains(configuration.adminChain) }) {
            let rule = Rule([.counter, .verdict(.jump(configuration.adminChain))], comment: Self.adminComment)
            try transaction.add(rule, to: Self.name, of: table, first: true)
        }
        let entries = try ruleset.socket.rules(of: Self.entry, in: table)
        if !entries.contains(where: { $0.targets.contains(Self.name) }) {
            let rule = Rule([.counter, .verdict(.jump(Self.name))], comment: Self.jumpComment)
            try transaction.add(rule, to: Self.entry, of: table, first: true)
        }
    }

    /// Takes out what was put in; where others put rules into the chain, or lead to it from elsewhere, it stays.
    func appendRemoval(to transaction: inout Transaction) throws(NetlinkError) {
        for table in Self.tables {
            let own = try ruleset.socket.rules(of: Self.name, in: table)
            let marks = own.filter { $0.comment.hasPrefix("CNI firewall plugin mark ") }
            if marks.isEmpty { continue }
            let admins = own.filter { $0.comment == Self.adminComment }
            let entries = try ruleset.socket.rules(of: Self.entry, in: table).filter { $0.targets.contains(Self.name) }
            // The kernel counts a chain's rules and all that leads to it.
            let useCount = try ruleset.socket.chain(Self.name, of: table)?.useCount
            guard own.count == marks.count + admins.count, useCount == UInt32(own.count + entries.count) else {
                for rule in marks { try transaction.deleteRule(rule.handle, from: Self.name, of: table) }
                continue
            }
            for rule in entries { try transaction.deleteRule(rule.handle, from: Self.entry, of: table) }
            try transaction.deleteChain(Self.name, of: table)
            for admin in Set(admins.flatMap(\.targets)) {
                let isEmpty = try ruleset.socket.rules(of: admin, in: table).isEmpty
                let references = UInt32(admins.count { $0.targets.contains(admin) })
                if isEmpty, try ruleset.socket.chain(admin, of: table)?.useCount == references {
                    try transaction.deleteChain(admin, of: table)
                }
            }
        }
    }
}
