// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import NFTables
internal import Netlink

/// All that a table of ours should hold: chains and their rules, nothing else.
struct DesiredTable: Hashable, Sendable {
    /// A chain and what should be in it.
    struct DesiredChain: Hashable, Sendable {
        let chain: Chain
        let rules: [Rule]
    }

    let table: Table
    /// The chains, in an order in which no rule leads to a later one; without any the table should not be there.
    let chains: [DesiredChain]

    /// What the kernel has of it.
    struct Present: Hashable, Sendable {
        /// The chains that should be there and are, by name.
        var chains: [String: PresentChain] = [:]
        /// Chains that should not be there.
        var strayChains: [ListedChain] = []
        /// Sets that should not be there.
        var straySets: [NamedSet] = []
        /// Whether there is what only goes with the table: flags of its own, objects, flow tables.
        var mustBeRemade = false
    }

    /// A chain that is there, with its rules.
    struct PresentChain: Hashable, Sendable {
        let chain: ListedChain
        let rules: [ListedRule]
    }

    /// Reads what is there; nil when there is no such table.
    func read(_ socket: borrowing NFTablesSocket) throws(NetlinkError) -> Present? {
        guard let listed = try socket.table(table) else { return nil }
        var present = Present()
        for desired in chains {
            let name = desired.chain.name
            guard let chain = try socket.chain(name, of: table) else { continue }
            present.chains[name] = PresentChain(chain: chain, rules: try socket.rules(of: name, in: table))
        }
        present.mustBeRemade = listed.flags != 0
        // The table counts what it holds, so that nothing need be looked for where there is nothing else.
        if listed.useCount != UInt32(present.chains.count) {
            let all = try socket.chains(of: table)
            // A chain that belongs to a single rule goes with the rule; not every kernel counts it.
            let named = all.filter { !$0.name.hasPrefix("__chain") }
            present.strayChains = named.filter { present.chains[$0.name] == nil }
            present.straySets = try socket.sets(of: table)
            let others = Int(listed.useCount) - named.count - present.straySets.count
            if others != 0, others != all.count - named.count { present.mustBeRemade = true }
        }
        return present
    }

    /// Appends what makes the kernel's table this one, and counts it; a chain that is right is not touched.
    func appendRepairs(
        of present: Present?,
        remaking: Bool,
        to transaction: inout Transaction,
        _ repairs: inout [Change.Kind: Int]
    ) throws(NetlinkError) {
        guard let present else {
            if !chains.isEmpty { try appendAll(to: &transaction, &repairs) }
            return
        }
        if chains.isEmpty {
            try transaction.delete(table)
            repairs[.ruleTableRemoved, default: 0] += 1
        } else if present.mustBeRemade || remaking && !isHeld(present) {
            try transaction.delete(table)
            try appendAll(to: &transaction, &repairs)
        } else {
            try appendDifference(of: present, to: &transaction, &repairs)
        }
    }

    private func appendAll(
        to transaction: inout Transaction,
        _ repairs: inout [Change.Kind: Int]
    ) throws(NetlinkError) {
        try transaction.add(table)
        for desired in chains {
            try transaction.add(desired.chain, to: table)
            for rule in desired.rules { try transaction.add(rule, to: desired.chain.name, of: table) }
        }
        repairs[.ruleTableAdded, default: 0] += 1
    }

    private func isHeld(_ present: Present) -> Bool {
        present.strayChains.isEmpty && present.straySets.isEmpty
            && chains.allSatisfy { desired in
                guard let chain = present.chains[desired.chain.name] else { return false }
                return desired.isPlaced(chain.chain) && desired.hasPolicy(chain.chain) && desired.hasRules(chain.rules)
            }
    }

    private func appendDifference(
        of present: Present,
        to transaction: inout Transaction,
        _ repairs: inout [Change.Kind: Int]
    ) throws(NetlinkError) {
        // Those of the right name in the wrong place are taken out, and what leads to them is written anew.
        let misplaced = chains.filter { desired in
            present.chains[desired.chain.name].map { !desired.isPlaced($0.chain) } ?? false
        }.map(\.chain.name)
        var rewritten: Set<String> = []
        for desired in chains {
            guard let chain = present.chains[desired.chain.name] else { continue }
            let leadsToMisplaced = desired.rules.contains { $0.targets.contains(where: misplaced.contains) }
            guard !desired.hasRules(chain.rules) || leadsToMisplaced || misplaced.contains(desired.chain.name) else {
                continue
            }
            rewritten.insert(desired.chain.name)
            if !chain.rules.isEmpty { try transaction.flushChain(desired.chain.name, of: table) }
        }
        for chain in present.strayChains { try transaction.flushChain(chain.name, of: table) }
        for set in present.straySets {
            try transaction.deleteSet(set)
            repairs[.ruleSetRemoved, default: 0] += 1
        }
        for chain in present.strayChains {
            try transaction.deleteChain(chain.name, of: table)
            repairs[.ruleChainRemoved, default: 0] += 1
        }
        for name in misplaced { try transaction.deleteChain(name, of: table) }
        for desired in chains {
            let chain = present.chains[desired.chain.name]
            let isThere = chain != nil && !misplaced.contains(desired.chain.name)
            let hasPolicy = chain.map { desired.hasPolicy($0.chain) } ?? true
            // To add one that is there gives it the policy that it should have.
            if !isThere || !hasPolicy { try transaction.add(desired.chain, to: table) }
            let writesRules = !isThere || rewritten.contains(desired.chain.name)
            if writesRules {
                for rule in desired.rules { try transaction.add(rule, to: desired.chain.name, of: table) }
            }
            if chain == nil {
                repairs[.ruleChainAdded, default: 0] += 1
            } else if writesRules || !hasPolicy {
                repairs[.ruleChainChanged, default: 0] += 1
            }
        }
    }
}

extension DesiredTable.DesiredChain {
    /// Whether packets enter it where they should.
    fileprivate func isPlaced(_ listed: ListedChain) -> Bool {
        listed.attachment == chain.attachment && listed.isBase == (chain.attachment != nil)
    }

    /// Whether what its rules do not decide is accepted; a regular chain has no policy.
    fileprivate func hasPolicy(_ listed: ListedChain) -> Bool { !listed.isBase || listed.policy == .accept }

    fileprivate func hasRules(_ listed: [ListedRule]) -> Bool {
        listed.count == rules.count
            && zip(listed, rules).allSatisfy { $0.expressions == $1.expressions && $0.comment == $1.comment }
    }
}

extension Rule {
    /// The chains it leads to.
    fileprivate var targets: [String] {
        expressions.compactMap { expression in
            guard case .verdict(let verdict) = expression else { return nil }
            return verdict.target
        }
    }
}
