// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import ContainerNetwork

extension PortmapPlugin {
    /// Withdraws the ports of attachments of all networks that are gone; see
    /// ``OwnedRuleset/prune(_:isDryRun:also:_:)``.
    public static func prune(
        _ ruleset: OwnedRuleset,
        isDryRun: Bool,
        _ findGone: (Set<ElementOwner>) throws(CNIError) -> Set<ElementOwner>
    ) throws(CNIError) -> [PlacedElement] {
        let removed = try ruleset.prune(
            PortRuleset.table,
            isDryRun: isDryRun,
            also: PortRemoval(ruleset).appendWhatGoesAlong,
            findGone
        )
        if !isDryRun { try StaleFlows.forget(withdrawn: removed) }
        return removed
    }
}
