// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import Netlink

/// The removal of containers from the firewall, and of what networks had with their last.
struct ProtectionRemoval {
    private let ruleset: OwnedRuleset

    /// Removal from a ruleset.
    init(_ ruleset: OwnedRuleset) { self.ruleset = ruleset }

    /// Removes an attachment.
    ///
    /// - Parameter result: The result of its ADD, if the runtime has it still.
    func run(_ identity: AttachmentIdentity, _ result: NetworkResult?) throws(CNIError) {
        let addresses = result?.addresses(of: identity.attachment).map(\.address) ?? []
        let interfaces = result.map(ProtectedContainer.hostInterfaces) ?? []
        let places = interfaces.flatMap { interface in
            addresses.map { address in
                PlacedElement(
                    SetElement([.interface(interface), .address(address)]),
                    in: FirewallRuleset.containers(address.family)
                )
            }
        }
        let digest = identity.shortDigest
        let chain = Self.prefix + ElementOwner.digest(network: identity.network)
        try ruleset.remove(from: FirewallRuleset.layout, chains: [chain], also: appendRemovalOfNetworks) {
            () throws(CNIError) in
            let found = try ruleset.occupants(of: places, ownedBy: digest)
            if !found.isEmpty && found.count == addresses.count { return found }
            return try ruleset.elements(of: FirewallRuleset.layout.sets) { $0.identity == digest }
        }
        // Few networks are isolated, and then their ports are all there is to read.
        try ruleset.remove(from: FirewallRuleset.isolationLayout) { () throws(CNIError) in
            try ruleset.elements(of: FirewallRuleset.isolationLayout.sets) { $0.identity == digest }
        }
    }

    /// Takes back what one ADD added.
    func undo(_ added: [PlacedElement], _ layout: RulesetLayout) throws(CNIError) {
        guard let digest = added.first?.owner?.identity else { return }
        try ruleset.remove(from: layout, also: appendRemovalOfNetworks) { () throws(CNIError) in
            try ruleset.occupants(of: added, ownedBy: digest)
        }
    }

    /// Removes a network's attachments that are not valid any more.
    func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        for layout in [FirewallRuleset.layout, FirewallRuleset.isolationLayout] {
            try ruleset.collectGarbage(
                ofNetwork: request.configuration.name,
                keeping: request.validAttachments,
                from: layout,
                also: appendRemovalOfNetworks
            )
        }
    }

    /// A network's policy goes with its chain, and the foreign chains' rules with the last network.
    func appendRemovalOfNetworks(
        _ transaction: inout Transaction,
        _ removal: OwnedRuleset.Removal
    ) throws(CNIError) {
        let gone = removal.chains.filter { $0.hasPrefix(Self.prefix) }
        if gone.isEmpty { return }
        let table = FirewallRuleset.layout.table
        try kernel { () throws(NetlinkError) in
            for chain in IsolationChains.with(nil, ofNetwork: "") {
                let present = try ruleset.socket.rules(of: chain.chain.name, in: table).map(\.comment)
                let kept = present.filter { comment in
                    guard let entry = IsolationChains.Entry(comment) else { return false }
                    return !gone.contains(Self.prefix + entry.network)
                }
                if kept == present { continue }
                try transaction.flushChain(chain.chain.name, of: table)
                for rule in chain.rules(kept) { try transaction.add(rule, to: chain.chain.name, of: table) }
            }
            let others = try ruleset.socket.chains(of: table)
                .filter { $0.name.hasPrefix(Self.prefix) && !gone.contains($0.name) }
            if others.isEmpty { try ForeignForwardRules(ruleset).appendRemoval(to: &transaction) }
        }
    }

    /// How the names of networks' chains begin.
    private static let prefix = "firewall-"
}
