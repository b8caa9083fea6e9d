// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIPlugin
internal import LinuxSystem
internal import NFTables
internal import Netlink

/// What containernetworking/plugins left in nf_tables for a container that it attached and that we detach.
///
/// It writes rules by iptables, which are nf_tables rules where iptables is iptables-nft, or by nft. Only what is this
/// container's goes; what containers share stays, as the reference leaves it. Each topic's changes to a table are one
/// transaction, which holds only if nothing has changed since it was read.
public struct ReferenceLeftovers {
    let ruleset: OwnedRuleset
    let identity: AttachmentIdentity

    /// Leftovers of one attachment.
    public init(_ ruleset: OwnedRuleset, _ identity: AttachmentIdentity) {
        self.ruleset = ruleset
        self.identity = identity
    }

    /// The container's chain in iptables' tables: of network and container ID, whatever the interface.
    func chainName(_ prefix: String) -> String {
        let digest = Self.digest(identity.network + identity.attachment.containerID)
        return prefix + digest.prefix(28 - prefix.utf8.count)
    }

    /// SHA-512 in hexadecimal.
    static func digest(_ text: String) -> String { SHA512.hash(Array(text.utf8)).hexadecimal }

    /// Removes chains of the container with what leads to them: rules of a shared chain, and the chains before them.
    ///
    /// One that something else leads to, which the reference never made, is only emptied.
    func removeChains(_ names: [String], of table: Table, enteredFrom entrance: String) throws(CNIError) {
        // The reference cannot have made a chain of a longer name either.
        guard let first = names.first, names.allSatisfy({ $0.utf8.count <= 127 }) else { return }
        if try kernel({ () throws(NetlinkError) in try ruleset.socket.chain(first, of: table) }) == nil { return }
        try ruleset.settle(table) { (transaction) throws(CNIError) in
            try kernel { () throws(NetlinkError) in
                var references: [String: UInt32] = [:]
                for rule in try ruleset.socket.rules(of: entrance, in: table)
                where rule.targets.contains(where: names.contains) {
                    try transaction.deleteRule(rule.handle, from: entrance, of: table)
                    for target in rule.targets { references[target, default: 0] += 1 }
                }
                for name in names {
                    guard let chain = try ruleset.socket.chain(name, of: table) else { continue }
                    let rules = try ruleset.socket.rules(of: name, in: table)
                    for target in rules.flatMap(\.targets) { references[target, default: 0] += 1 }
                    if chain.useCount == references[name, default: 0] + UInt32(rules.count) {
                        try transaction.deleteChain(name, of: table)
                    } else if !rules.isEmpty {
                        try transaction.flushChain(name, of: table)
                    }
                }
            }
        }
    }

    /// Removes the container's rules from chains that it shares with others.
    func removeRules(
        from chains: [String],
        of table: Table,
        where isWanted: (ListedRule) -> Bool
    ) throws(CNIError) {
        guard let first = chains.first else { return }
        if try kernel({ () throws(NetlinkError) in try ruleset.socket.chain(first, of: table) }) == nil { return }
        func find() throws(CNIError) -> [(chain: String, handle: UInt64)] {
            var found: [(chain: String, handle: UInt64)] = []
            for chain in chains {
                let rules = try kernel { () throws(NetlinkError) in try ruleset.socket.rules(of: chain, in: table) }
                for rule in rules where isWanted(rule) { found.append((chain, rule.handle)) }
            }
            return found
        }
        if try find().isEmpty { return }
        try ruleset.settle(table) { (transaction) throws(CNIError) in
            for (chain, handle) in try find() {
                try kernel { () throws(NetlinkError) in try transaction.deleteRule(handle, from: chain, of: table) }
            }
        }
    }
}
