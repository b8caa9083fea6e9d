// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses

/// Publishes ports of a container on the host's addresses; chained after a plugin that gives the container an address.
public struct PortmapPlugin: Plugin {
    /// "portmap".
    public static var name: String { "portmap" }

    /// Makes the plugin.
    public init() {}

    /// Whether an ADD could be served: the configuration holds, and the kernel has nf_tables.
    public func status(_ request: StatusRequest) throws(CNIError) {
        _ = try PortmapConfiguration(request.configuration)
        try OwnedRuleset.requireAvailable()
    }

    /// Removes the ports of this network's attachments that are not listed.
    public func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        guard let ruleset = try OwnedRuleset.openIfAvailable() else { return }
        try StaleFlows.forget(withdrawn: try PortRemoval(ruleset).collectGarbage(request))
    }
}
