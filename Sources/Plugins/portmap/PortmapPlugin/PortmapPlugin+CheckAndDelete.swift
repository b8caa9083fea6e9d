// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import Netlink
internal import RouteNetlink

extension PortmapPlugin {
    /// Withdraws the ports of an attachment, whatever the runtime and the configuration still say of them.
    public func delete(_ request: DeleteRequest) throws(CNIError) {
        LegacyTables.warnIfPresent(request.diagnostics)
        guard let ruleset = try OwnedRuleset.openIfAvailable() else { return }
        let removed = try PortRemoval(ruleset).run(request.identity, knownPlaces: knownPlaces(request))
        try StaleFlows.forget(withdrawn: removed)
        try ReferenceLeftovers(ruleset, request.identity).removePortMaps()
    }

    /// Verifies that each port leads to the container.
    public func check(_ request: CheckRequest) throws(CNIError) {
        let configuration = try PortmapConfiguration(request.configuration)
        let result = try request.requiredPreviousResult()
        let mappings = try PortMapping.list(request.configuration)
        if mappings.isEmpty { return }
        let container = try MappedContainer(result, request.attachment)
        let ports = PublishedPort.all(
            mappings,
            container.addresses.map(\.address),
            network: request.configuration.name,
            comment: ""
        )
        let ruleset = try OwnedRuleset.open()
        let owner = ElementOwner(request.identity, hostInterface: nil)
        let left = try PortClaim(ruleset, owner).decide(ports).left.map(\.port.entrance)
        let own = ports.filter { !left.contains($0.entrance) }
        let share = RulesetShare(
            PortRuleset.layout,
            chains: container.chains(configuration, network: request.configuration.name),
            elements: own.flatMap { [$0.entrance, $0.target] }
        )
        if let difference = try ruleset.difference(from: share, identity: request.identity.shortDigest) {
            throw AttachmentCheck.difference(difference)
        }
        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        if let localhost = try LocalhostAccess(configuration, container, host, owner) {
            guard localhost.isEnabled else {
                throw AttachmentCheck.difference("127.0.0.1 does not reach published ports: route_localnet is off")
            }
            if try ruleset.occupant(of: localhost.guardElement) == nil {
                throw AttachmentCheck.difference("route_localnet is on without the guard for 127.0.0.0/8")
            }
        }
    }

    /// Where the ports must be, if all that led to them is still known.
    private func knownPlaces(_ request: DeleteRequest) -> [PlacedElement] {
        guard let result = try? request.configuration.previousResult(),
            let mappings = try? PortMapping.list(request.configuration),
            let container = try? MappedContainer(result, request.attachment)
        else { return [] }
        return PublishedPort.all(
            mappings,
            container.addresses.map(\.address),
            network: request.configuration.name,
            comment: ""
        ).flatMap { [$0.entrance, $0.target] }
    }
}
