// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import ContainerNetwork

extension FirewallPlugin {
    /// Removes the elements of attachments of all networks that are gone from the table that the firewall shares with
    /// masquerading, and from the bridges' table; see ``OwnedRuleset/prune(_:isDryRun:also:_:)``.
    public static func prune(
        _ ruleset: OwnedRuleset,
        isDryRun: Bool,
        _ findGone: (Set<ElementOwner>) throws(CNIError) -> Set<ElementOwner>
    ) throws(CNIError) -> [PlacedElement] {
        var removed: [PlacedElement] = []
        for table in [FirewallRuleset.layout.table, FirewallRuleset.isolationLayout.table] {
            removed += try ruleset.prune(
                table,
                isDryRun: isDryRun,
                also: ProtectionRemoval(ruleset).appendRemovalOfNetworks,
                findGone
            )
        }
        return removed
    }
}
