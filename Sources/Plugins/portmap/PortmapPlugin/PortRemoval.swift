// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import NFTables

/// The removal of published ports, with the markers that lead to nothing then.
struct PortRemoval {
    private let ruleset: OwnedRuleset

    /// Removal from a ruleset.
    init(_ ruleset: OwnedRuleset) { self.ruleset = ruleset }

    /// Removes an attachment's ports.
    ///
    /// - Parameter places: Where they must be, as far as that is known.
    /// - Returns: What was removed.
    func run(_ identity: AttachmentIdentity, knownPlaces places: [PlacedElement]) throws(CNIError) -> [PlacedElement] {
        let digest = identity.shortDigest
        var removed: [PlacedElement] = []
        try ruleset.remove(from: PortRuleset.layout, also: ruleset.appendUnusedMarkers) { () throws(CNIError) in
            removed = try ruleset.occupants(of: places, ownedBy: digest)
            if removed.isEmpty || removed.count != places.count {
                removed = try ruleset.elements(of: PortRuleset.layout.sets) { $0.identity == digest }
            } else {
                removed += try ruleset.elements(of: [PortRuleset.guardedInterfaces]) { $0.identity == digest }
            }
            return removed
        }
        return removed
    }

    /// Takes back what one ADD added, and nothing that an earlier one did.
    func undo(_ added: [PlacedElement]) throws(CNIError) {
        guard let digest = added.first?.owner?.identity else { return }
        try ruleset.remove(from: PortRuleset.layout, also: ruleset.appendUnusedMarkers) { () throws(CNIError) in
            try ruleset.occupants(of: added, ownedBy: digest)
        }
    }

    /// Removes the ports of a network's attachments that are not valid any more.
    func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        try ruleset.collectGarbage(
            ofNetwork: request.configuration.name,
            keeping: request.validAttachments,
            from: PortRuleset.layout,
            also: ruleset.appendUnusedMarkers
        )
    }
}
