// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import Netlink

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
        let chains = AddressFamily.allCases.map { NetworkPortChains.name($0, network: identity.network) }
        try ruleset.remove(from: PortRuleset.layout, chains: chains, also: appendWhatGoesAlong) { () throws(CNIError) in
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
        try ruleset.remove(from: PortRuleset.layout, also: appendWhatGoesAlong) { () throws(CNIError) in
            try ruleset.occupants(of: added, ownedBy: digest)
        }
    }

    /// Removes the ports of a network's attachments that are not valid any more.
    ///
    /// - Returns: What was removed.
    func collectGarbage(_ request: GarbageRequest) throws(CNIError) -> [PlacedElement] {
        var removed: [PlacedElement] = []
        try ruleset.collectGarbage(
            ofNetwork: request.configuration.name,
            keeping: request.validAttachments,
            from: PortRuleset.layout
        ) { (transaction, removal) throws(CNIError) in
            removed = removal.elements
            try appendWhatGoesAlong(&transaction, removal)
        }
        return removed
    }

    /// What is left of use to nobody.
    func appendWhatGoesAlong(
        _ transaction: inout Transaction,
        _ removal: OwnedRuleset.Removal
    ) throws(CNIError) {
        try appendUnusedMarkers(&transaction, removal)
        if !removal.chains.isEmpty { try appendUnusedMarks(&transaction, gone: removal.chains) }
    }

    /// The rule for a mark goes with the last network that sets it.
    private func appendUnusedMarks(_ transaction: inout Transaction, gone: [String]) throws(CNIError) {
        let table = PortRuleset.table
        try kernel { () throws(NetlinkError) in
            var used: Set<String> = []
            for chain in try ruleset.socket.chains(of: table) where !gone.contains(chain.name) {
                guard NetworkPortChains.isName(chain.name) else { continue }
                let comments = try ruleset.socket.rules(of: chain.name, in: table).map(\.comment)
                used.formUnion(comments.compactMap(NetworkPortChains.mark))
            }
            for rule in try ruleset.socket.rules(of: PortRuleset.markedChain, in: table)
            where !used.contains(rule.comment) {
                try transaction.deleteRule(rule.handle, from: PortRuleset.markedChain, of: table)
            }
        }
    }

    /// A marker goes with the last port that is published for a single address behind it.
    private func appendUnusedMarkers(
        _ transaction: inout Transaction,
        _ removal: OwnedRuleset.Removal
    ) throws(CNIError) {
        for family in AddressFamily.allCases {
            let set = PortRuleset.addressedPorts(family)
            let gone = removal.elements.filter { [set, PortRuleset.addressedTargets(family)].contains($0.set) }
            if gone.isEmpty { continue }
            let goneKeys = Set(gone.map(\.element.key))
            let kept = try kernel { () throws(NetlinkError) in try ruleset.socket.elements(of: set) }
                .filter { !goneKeys.contains($0.key) }
                .map { PublishedPort.marker(of: PlacedElement($0, in: set), family) }
            let unused = Set(gone.map { PublishedPort.marker(of: $0, family) }).subtracting(kept)
            let markers = try ruleset.occupants(of: Array(unused)).filter { $0.isMarker(family) }
            if markers.isEmpty { continue }
            try kernel { () throws(NetlinkError) in
                try transaction.delete(markers.map(\.element), from: PortRuleset.ports(family))
            }
        }
    }
}
