// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import NFTables
public import Netlink

/// The chain `FORWARD` that iptables keeps in nf_tables for a family, and what of ours is in it.
///
/// A table of ours cannot overrule another's drop: where this chain drops, as Docker has it do, our own chain marks the packets
/// that are to pass, and the foreign one leads to `CNI-FORWARD`, which accepts the mark. All of it is what iptables itself
/// could have written. Several may use the chain, each with a rule of its own, and each takes out only what is its own; the
/// last one takes the chain with it.
public struct ForeignForwardChain: Sendable {
    /// The chain that `FORWARD` leads to, as the CNI project's firewall plugin names it.
    public static var name: String { "CNI-FORWARD" }

    static var entry: String { "FORWARD" }
    static var jumpComment: String { "CNI firewall plugin rules" }
    static var adminComment: String { "CNI firewall plugin admin overrides" }

    /// The table, iptables' `filter`.
    public let table: Table
    /// `FORWARD`, when packets enter it.
    let entryChain: ListedChain?
    let entryRules: [ListedRule]
    /// `CNI-FORWARD`.
    let chain: ListedChain?
    let rules: [ListedRule]

    /// The table in which a family's chain is.
    public static func table(_ family: AddressFamily) -> Table { Table(family == .v4 ? .ip : .ip6, "filter") }

    /// Reads what is there.
    public static func read(
        _ family: AddressFamily,
        _ socket: borrowing NFTablesSocket
    ) throws(NetlinkError) -> ForeignForwardChain {
        let table = table(family)
        let entryChain = try socket.chain(entry, of: table)
        let chain = try socket.chain(name, of: table)
        return ForeignForwardChain(
            table: table,
            entryChain: entryChain?.isBase == true ? entryChain : nil,
            entryRules: entryChain == nil ? [] : try socket.rules(of: entry, in: table),
            chain: chain,
            rules: chain == nil ? [] : try socket.rules(of: name, in: table)
        )
    }

    /// Whether it is there and has a policy or rules, other than ours, by which a packet may not pass.
    ///
    /// - Parameter handles: Rules that count as not there.
    public func mayDrop(ignoring handles: Set<UInt64> = []) -> Bool {
        guard let entryChain else { return false }
        return entryChain.policy != .accept
            || entryRules.contains { !handles.contains($0.handle) && !Self.isJump($0) }
    }

    /// Appends what is missing for marked packets to pass; nothing where there is no such chain.
    public func appendMissing(
        _ acceptance: ForwardAcceptance,
        _ socket: borrowing NFTablesSocket,
        to transaction: inout Transaction
    ) throws(NetlinkError) {
        guard entryChain != nil else { return }
        let admin = acceptance.adminChain
        if let admin, try socket.chain(admin, of: table) == nil { try transaction.add(Chain(admin), to: table) }
        if chain == nil { try transaction.add(Chain(Self.name), to: table) }
        if !rules.contains(where: acceptance.isServed(by:)) {
            try transaction.add(acceptance.rule, to: Self.name, of: table)
        }
        for rule in rules where acceptance.isObsolete(rule) {
            try transaction.deleteRule(rule.handle, from: Self.name, of: table)
        }
        if let admin, !rules.contains(where: { $0.targets.contains(admin) }) {
            let rule = Rule([.counter, .verdict(.jump(admin))], comment: Self.adminComment)
            try transaction.add(rule, to: Self.name, of: table, first: true)
        }
        if entryRules.contains(where: Self.isJump) { return }
        let jump = Rule([.counter, .verdict(.jump(Self.name))], comment: Self.jumpComment)
        switch acceptance.place {
        case .first: try transaction.add(jump, to: Self.entry, of: table, first: true)
        case .last:
            if let refusal = entryRules.first(where: Self.refusesAll) {
                try transaction.add(jump, to: Self.entry, of: table, before: refusal.handle)
            } else {
                try transaction.add(jump, to: Self.entry, of: table)
            }
        }
    }

    /// Appends the removal of what a user put in; what others need stays.
    ///
    /// - Parameter user: See ``ForwardAcceptance/user``.
    public func appendRemoval(
        of user: String,
        _ socket: borrowing NFTablesSocket,
        to transaction: inout Transaction
    ) throws(NetlinkError) {
        let own = rules.filter { ForwardAcceptance.isRule($0, of: user) }
        guard let chain, !own.isEmpty else { return }
        let admins = rules.filter { $0.comment == Self.adminComment }
        let jumps = entryRules.filter { $0.targets.contains(Self.name) }
        // The kernel counts a chain's rules and all that leads to it.
        guard rules.count == own.count + admins.count, chain.useCount == UInt32(rules.count + jumps.count) else {
            for rule in own { try transaction.deleteRule(rule.handle, from: Self.name, of: table) }
            return
        }
        for rule in jumps { try transaction.deleteRule(rule.handle, from: Self.entry, of: table) }
        try transaction.deleteChain(Self.name, of: table)
        for admin in Set(admins.flatMap(\.targets)) {
            let isEmpty = try socket.rules(of: admin, in: table).isEmpty
            let references = UInt32(admins.count { $0.targets.contains(admin) })
            if isEmpty, try socket.chain(admin, of: table)?.useCount == references {
                try transaction.deleteChain(admin, of: table)
            }
        }
    }

    /// Whether every packet goes to `CNI-FORWARD`.
    private static func isJump(_ rule: ListedRule) -> Bool { rule.essence == [.verdict(.jump(name))] }

    /// Whether it lets no packet come to a later rule, nor pass.
    private static func refusesAll(_ rule: ListedRule) -> Bool {
        guard rule.essence.count == 1, let step = rule.essence.first else { return false }
        if case .unknown("reject", _) = step { return true }
        return step == .verdict(.drop) || ["REJECT", "DROP"].contains(step.extensionTarget ?? "")
    }
}
