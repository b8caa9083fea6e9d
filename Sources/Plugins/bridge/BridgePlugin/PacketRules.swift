// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import JSON
internal import NFTables
internal import RouteNetlink

/// What a bridge network has the packet filter do: `ipMasq` and `macspoofchk`.
struct PacketRules {
    private let ruleset: OwnedRuleset
    private let identity: AttachmentIdentity

    /// For an ADD or CHECK; nil when the configuration asks for nothing.
    static func open(
        _ configuration: BridgeConfiguration,
        _ identity: AttachmentIdentity
    ) throws(CNIError) -> PacketRules? {
        guard configuration.needsPacketRules else { return nil }
        return PacketRules(ruleset: try .open(), identity: identity)
    }

    /// Guards the port, before the container can send anything.
    func guardPort(_ port: Port, _ configuration: BridgeConfiguration, _ undo: UndoList) throws(CNIError) {
        guard configuration.checksMACSpoofing else { return }
        try MACSpoofGuard(ruleset, identity).install(port.containerMAC, hostInterface: port.hostIndex, undo: undo)
    }

    /// Has the attachment's addresses masqueraded.
    func masquerade(
        _ result: NetworkResult,
        _ port: Port,
        _ configuration: BridgeConfiguration,
        _ request: AddRequest
    ) throws(CNIError) {
        guard configuration.masquerade.isEnabled else { return }
        if configuration.masquerade.prefersIptables {
            RulesetBackend.warnAboutIptables("ipMasqBackend", request.diagnostics)
        }
        try Masquerade(ruleset, identity).install(
            result.ips.map(\.address),
            arrivingBy: configuration.gatewayInterface,
            hostInterface: port.hostIndex,
            undo: request.undo
        )
    }

    /// Fails when something of it is not as ADD made it.
    func check(
        _ addresses: [IPPrefix],
        _ mac: MACAddress?,
        _ configuration: BridgeConfiguration
    ) throws(CNIError) {
        var difference: String?
        if configuration.masquerade.isEnabled {
            difference = try Masquerade(ruleset, identity)
                .difference(addresses, arrivingBy: configuration.gatewayInterface)
        }
        if difference == nil, configuration.checksMACSpoofing, let mac {
            difference = try MACSpoofGuard(ruleset, identity).difference(mac)
        }
        if let difference { throw AttachmentCheck.difference(difference) }
    }
}

/// The removal of an attachment's rules, which comes before that of its link.
///
/// It is held until the link is gone; see ``OwnedRuleset``.
struct PacketRuleRemoval {
    private let ruleset: OwnedRuleset?

    /// Opens the rulesets, if the kernel has any.
    init() throws(CNIError) { ruleset = try .openIfAvailable() }

    /// Removes all that an ADD of this attachment made, ours or the reference's, whatever the configuration says by now.
    func run(_ request: DeleteRequest) throws(CNIError) {
        LegacyTables.warnIfPresent(request.diagnostics)
        guard let ruleset else { return }
        let result = (try? request.configuration.previousResult()) ?? nil
        let root = request.configuration.root
        let configured = BridgeConfiguration.gatewayInterface(root)
        // The configuration may have been edited since.
        let listed = (result?.interfaces ?? []).filter { $0.sandbox == nil && $0.name != configured }.map(\.name)
        try Masquerade(ruleset, request.identity).remove(
            result?.ips.map(\.address) ?? [],
            arrivingBy: [configured] + listed.filter { $0 != request.identity.hostInterfaceName },
            // What the runtime forgot is looked for everywhere.
            isThorough: result == nil || root["ipMasq"]?.value == true
        )
        try MACSpoofGuard(ruleset, request.identity).remove()
        let leftovers = ReferenceLeftovers(ruleset, request.identity)
        try leftovers.removeMasquerading()
        try leftovers.removeSpoofGuard()
    }

    /// Removes the rules of attachments that are gone.
    func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        guard let ruleset else { return }
        for layout in [Masquerade.layout, MACSpoofGuard.layout] {
            try ruleset.collectGarbage(
                ofNetwork: request.configuration.name,
                keeping: request.validAttachments,
                from: layout
            )
        }
    }
}
