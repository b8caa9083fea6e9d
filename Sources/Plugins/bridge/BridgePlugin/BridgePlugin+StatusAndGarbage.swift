// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import ContainerNetwork
internal import Netlink
internal import RouteNetlink

extension BridgePlugin {
    /// Whether an ADD could be served: the configuration holds, the bridge's name is free or a bridge's, and the
    /// address manager is there and has addresses.
    public func status(_ request: StatusRequest) throws(CNIError) {
        let configuration = try BridgeConfiguration(request.configuration, arguments: CNIArguments())
        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        do throws(CNIError) {
            _ = try BridgeLink.find(configuration.bridge, host)
        } catch { throw error.asUnavailable }
        if configuration.needsPacketRules { try OwnedRuleset.requireAvailable() }
        do throws(CNIError) { try request.delegateToIPAM() } catch {
            // The delegate's own 50 or 51 passes; a delegate that is missing makes this plugin unavailable.
            throw error.code == .delegation ? error.asUnavailable : error
        }
    }

    /// Removes the rules and pairs of this network's attachments that are not listed, then has the addresses released.
    public func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        let network = request.configuration.name
        let alive = Set(
            request.validAttachments.map { AttachmentIdentity(network: network, attachment: $0).hostInterfaceName }
        )
        let prefix = PortAlias.prefix(network: network)
        let rules = Result { () throws(CNIError) in try PacketRuleRemoval().collectGarbage(request) }
        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        let links = try kernel { () throws(NetlinkError) in try host.links() }
        var failure: CNIError?
        for link in links where link.kind == "veth" && link.alias?.hasPrefix(prefix) == true {
            if alive.contains(link.name) { continue }
            // What cannot be removed must not keep the rest from it.
            do { try host.removeIfPresent(link.index) } catch { failure = failure ?? error }
        }
        try request.delegateToIPAM()
        try rules.get()
        if let failure { throw failure }
    }
}

extension CNIError {
    /// The same failure as STATUS reports it: ADD requests cannot be served (code 50).
    fileprivate var asUnavailable: CNIError { CNIError(.unavailable, message, details: details) }
}
