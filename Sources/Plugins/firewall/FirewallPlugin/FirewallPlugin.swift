// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import Netlink
internal import RouteNetlink

/// Lets containers' packets through the host's firewall, and keeps networks apart; chained after an interface plugin.
public struct FirewallPlugin: Plugin {
    /// "firewall".
    public static var name: String { "firewall" }
    /// From 0.4.0 on, as the reference.
    public static var supportedVersions: [SpecVersion] { SpecVersion.all.filter { $0.hasCheck } }

    /// Makes the plugin.
    public init() {}

    /// Accepts the container's packets; the result is that of the plugins before.
    public func add(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        let configuration = try FirewallConfiguration(request.configuration)
        if configuration.prefersIptables { RulesetBackend.warnAboutIptables("backend", request.diagnostics) }
        if let zone = configuration.zone, !zone.isEmpty {
            request.diagnostics.warn("firewalldZone: \(zone) has no effect: firewalld is not used")
        }
        guard let result = try request.configuration.previousResult() else {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: prevResult: is required but missing",
                details: "firewall must come after a plugin that gives the container an address"
            )
        }
        if ProtectedContainer.isElsewhere(result, configuration) {
            request.diagnostics.warn(
                "prevResult has no interface on the host: the container's packets do not pass its firewall, as with macvlan, "
                    + "ipvlan and host-device"
            )
            return result
        }
        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        let container = try ProtectedContainer(result, request.identity, host)
        let comment = ElementOwner(request.identity, hostInterface: container.port?.index).comment
        let ruleset = try OwnedRuleset.open()
        let shares = [
            container.share(configuration, network: request.configuration.name, comment: comment),
            container.isolationShare(configuration, comment: comment),
        ].compactMap { $0 }
        for share in shares {
            // The addresses were granted, and the port was made, for this attachment alone.
            let added = try ruleset.install(share) { () throws(CNIError) in
                try ruleset.replacingOccupants(of: share)
            }
            try request.undo.register("take \(request.attachment) out of the firewall") { () throws(CNIError) in
                try ProtectionRemoval(ruleset).undo(added, share.layout)
            }
        }
        try ForeignForwardRules(ruleset).ensure(configuration)
        return result
    }

    /// Takes the container out of the firewall, whatever the configuration says by now.
    public func delete(_ request: DeleteRequest) throws(CNIError) {
        LegacyTables.warnIfPresent(request.diagnostics)
        guard let ruleset = try OwnedRuleset.openIfAvailable() else { return }
        let result = (try? request.configuration.previousResult()) ?? nil
        try ProtectionRemoval(ruleset).run(request.identity, result)
        try ReferenceLeftovers(ruleset, request.identity).removeFirewallRules(of: result?.ips.map(\.address) ?? [])
    }

    /// Verifies that the container's packets are accepted, and its network kept apart.
    public func check(_ request: CheckRequest) throws(CNIError) {
        let configuration = try FirewallConfiguration(request.configuration)
        let result = try request.requiredPreviousResult()
        if ProtectedContainer.isElsewhere(result, configuration) { return }
        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        let container = try ProtectedContainer(result, request.identity, host)
        let ruleset = try OwnedRuleset.open()
        let shares = [
            container.share(configuration, network: request.configuration.name, comment: ""),
            container.isolationShare(configuration, comment: ""),
        ].compactMap { $0 }
        for share in shares {
            if let difference = try ruleset.difference(from: share, identity: request.identity.shortDigest) {
                throw AttachmentCheck.difference(difference)
            }
        }
        if let difference = try ForeignForwardRules(ruleset).difference(configuration) {
            throw AttachmentCheck.difference(difference)
        }
    }

    /// Whether an ADD could be served: the configuration holds, and the kernel has nf_tables.
    public func status(_ request: StatusRequest) throws(CNIError) {
        _ = try FirewallConfiguration(request.configuration)
        try OwnedRuleset.requireAvailable()
    }

    /// Takes the attachments of this network that are not listed out of the firewall.
    public func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        guard let ruleset = try OwnedRuleset.openIfAvailable() else { return }
        try ProtectionRemoval(ruleset).collectGarbage(request)
    }
}
