// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import NFTables
internal import Netlink

extension OwnedRuleset {
    /// Removes the elements of attachments that are gone from a table, whichever of our plugins made them.
    ///
    /// - Parameters:
    ///   - isDryRun: Whether they are only found.
    ///   - also: Appends what else goes with elements and chains.
    ///   - findGone: Tells which of the owners of all elements are gone. It is called after the elements were read, so that
    ///     an attachment that is being made meanwhile is not among them; and again when the ruleset changed meanwhile.
    /// - Returns: The elements that were removed, or would be.
    public func prune(
        _ table: Table,
        isDryRun: Bool,
        also: (inout Transaction, Removal) throws(CNIError) -> Void = { _, _ in },
        _ findGone: (Set<ElementOwner>) throws(CNIError) -> Set<ElementOwner>
    ) throws(CNIError) -> [PlacedElement] {
        let sets = try kernel { () throws(NetlinkError) in try socket.sets(of: table) }
        if isDryRun { return try elements(of: sets, findGone) }
        // What the networks' elements lead to goes with them; all other chains stay.
        let standing = try kernel { () throws(NetlinkError) in try socket.chains(of: table) }
            .filter { !NetworkChain.isName($0.name) }
            .map { (chain: Chain($0.name), rules: [Rule]()) }
        var removed: [PlacedElement] = []
        try remove(from: RulesetLayout(table, sets: sets, chains: standing), also: also) { () throws(CNIError) in
            removed = try elements(of: sets, findGone)
            return removed
        }
        return removed
    }

    private func elements(
        of sets: [NamedSet],
        _ findGone: (Set<ElementOwner>) throws(CNIError) -> Set<ElementOwner>
    ) throws(CNIError) -> [PlacedElement] {
        let owned = try elements(of: sets) { _ in true }
        if owned.isEmpty { return [] }
        let gone = try findGone(Set(owned.compactMap(\.owner)))
        return owned.filter { placed in placed.owner.map { gone.contains($0) } ?? false }
    }
}
