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
        for port in ports { try check(port, owner, ruleset) }
        let share = RulesetShare(
            PortRuleset.layout,
            chains: container.chains(configuration, network: request.configuration.name),
            elements: []
        )
        if let difference = try ruleset.difference(from: share, identity: request.identity.shortDigest) {
            throw AttachmentCheck.difference(difference)
        }
        let host = try kernel { () throws(NetlinkError) in try RouteSocket.open() }
        if let localhost = try LocalhostAccess(mappings, configuration, container, host, owner) {
            guard localhost.isEnabled else {
                throw AttachmentCheck.difference("127.0.0.1 does not reach published ports: route_localnet is off")
            }
            if try ruleset.occupant(of: localhost.guardElement) == nil {
                throw AttachmentCheck.difference("route_localnet is on without the guard for 127.0.0.0/8")
            }
        }
    }

    /// A port is this attachment's, or stayed with another of the same container.
    private func check(
        _ port: PublishedPort,
        _ owner: ElementOwner,
        _ ruleset: OwnedRuleset
    ) throws(CNIError) {
        guard let first = try ruleset.occupant(of: port.first),
            let entrance = first.isMarker(port.family) ? try ruleset.occupant(of: port.entrance) : first
        else { throw AttachmentCheck.difference("\(port.mapping) is not published any more (\(port.family))") }
        if let other = entrance.owner, other.identity != owner.identity, other.container == owner.container { return }
        guard entrance.owner?.identity == owner.identity, entrance.element.value == port.entrance.element.value else {
            throw AttachmentCheck.difference(
                "\(port.mapping) is published by \(entrance.owner?.names ?? "somebody else")"
            )
        }
        guard let target = try ruleset.occupant(of: port.target), target.element.value == port.target.element.value
        else { throw AttachmentCheck.difference("\(port.mapping) does not lead to the container (\(port.family))") }
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
