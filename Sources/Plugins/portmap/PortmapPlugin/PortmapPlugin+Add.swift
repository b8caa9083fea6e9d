// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import LinuxSystem
internal import NFTables
internal import Netlink
internal import RouteNetlink

extension PortmapPlugin {
    /// Publishes the ports that the runtime asks for; the result is that of the plugins before.
    public func add(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        let configuration = try PortmapConfiguration(request.configuration)
        if configuration.prefersIptables { RulesetBackend.warnAboutIptables("backend", request.diagnostics) }
        guard let result = try request.configuration.previousResult() else {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: prevResult: is required but missing",
                details: "portmap must come after a plugin that gives the container an address"
            )
        }
        let mappings = try PortMapping.list(request.configuration)
        if mappings.isEmpty { return result }

        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        let container = try MappedContainer(result, request.attachment)
        try container.requireFamilies(of: mappings, request.diagnostics)
        try requireLocal(mappings, host)
        let owner = ElementOwner(
            request.identity,
            hostInterface: try host.hostEnd(of: request.identity, in: result)?.index
        )
        let ports = PublishedPort.all(
            mappings,
            container.addresses.map(\.address),
            network: request.configuration.name,
            comment: owner.comment
        )
        let localhost = try LocalhostAccess(mappings, configuration, container, host, owner)
        try publish(ports, container, configuration, owner, localhost, request, host)
        try localhost?.enable()
        return result
    }

    private func publish(
        _ ports: [PublishedPort],
        _ container: MappedContainer,
        _ configuration: PortmapConfiguration,
        _ owner: ElementOwner,
        _ localhost: LocalhostAccess?,
        _ request: AddRequest,
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        let ruleset = try OwnedRuleset.open()
        let share = RulesetShare(
            PortRuleset.layout,
            chains: container.chains(configuration, network: request.configuration.name),
            elements: ports.flatMap { [$0.entrance, $0.target] },
            shared: ports.compactMap(\.marker) + (localhost.map { [$0.guardElement] } ?? [])
        )
        let claim = PortClaim(ruleset, owner)
        var left: [(port: PublishedPort, owner: ElementOwner)] = []
        var replaced: [PlacedElement] = []
        let added = try ruleset.install(share) { () throws(CNIError) in
            var decision = try claim.decide(ports)
            (left, replaced) = (decision.left, decision.resolution.removing)
            if let localhost { decision.resolution.shared.append(localhost.guardElement) }
            return decision.resolution
        }
        try request.undo.register("withdraw the ports of \(request.attachment)") { () throws(CNIError) in
            try PortRemoval(ruleset).undo(added)
        }
        for (port, other) in left {
            request.diagnostics.warn("\(port.mapping) stays with the same container's attachment \(other.names)")
        }
        // What stays with the other attachment goes on leading there.
        let published = ports.filter { port in
            !left.contains { $0.port.mapping == port.mapping && $0.port.family == port.family }
        }
        try StaleFlows.forget(published, replaced: replaced, host)
    }

    /// A port of an address that this host does not have would never be reached.
    private func requireLocal(_ mappings: [PortMapping], _ host: borrowing RouteSocket) throws(CNIError) {
        for mapping in mappings {
            guard let address = mapping.specificAddress else { continue }
            let route = try kernel { () throws(NetlinkError) in try host.route(to: address) }
            if route?.isLocal != true {
                throw CNIError(
                    .conflict,
                    "network configuration: \(mapping.path).hostIP: \(address) is not an address of this host",
                    details: "add it to an interface first, or leave hostIP out to publish on all addresses"
                )
            }
        }
    }
}
