// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import Netlink
internal import RouteNetlink

/// A container as the firewall knows it: its addresses, and the host's interface towards it.
struct ProtectedContainer {
    /// The addresses of the attachment.
    let addresses: [IPAddress]
    /// The host's interface through which packets reach it.
    let interface: String
    /// The host's end of the attachment, a bridge's port.
    let port: Link?

    /// Finds them in a result.
    ///
    /// - Throws: ``CNIError`` with code 7 when the result has no interface on the host.
    init(
        _ result: NetworkResult,
        _ identity: AttachmentIdentity,
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        addresses = result.addresses(of: identity.attachment).map(\.address)
        let names = Self.hostInterfaces(result)
        var routed: String?
        for address in addresses where routed == nil {
            let name = try kernel { () throws(NetlinkError) -> String? in
                guard let route = try host.route(to: address), !route.isLocal else { return nil }
                return try host.link(route.interface)?.name
            }
            if let name, names.contains(name) { routed = name }
        }
        guard let interface = routed ?? names.first else {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: prevResult.interfaces: has none on the host",
                details: "firewall must come after a plugin that connects the container with the host, such as bridge"
            )
        }
        self.interface = interface
        port = try host.hostEnd(of: identity, in: result)
    }

    /// Whether nothing is to be done: no policy, and no interface of the host between it and the container.
    static func isElsewhere(_ result: NetworkResult, _ configuration: FirewallConfiguration) -> Bool {
        configuration.ingressPolicy == .open && hostInterfaces(result).isEmpty
    }

    /// The interfaces of a result that are on the host.
    static func hostInterfaces(_ result: NetworkResult) -> [String] {
        result.interfaces.filter { ($0.sandbox ?? "").isEmpty }.map(\.name)
    }

    /// What it needs of the tables; nil for a container without addresses, whose packets no route leads to.
    ///
    /// The network's chain goes with its last element, and such a container has none.
    func share(
        _ configuration: FirewallConfiguration,
        network: String,
        comment: String
    ) -> RulesetShare? {
        if addresses.isEmpty { return nil }
        let chain = FirewallRuleset.chain(of: network, markBit: configuration.markBit)
        let digest = ElementOwner.digest(network: network)
        let entry =
            configuration.ingressPolicy == .open
            ? nil
            : IsolationChains.Entry(network: digest, policy: configuration.ingressPolicy, interface: interface)
        let elements = addresses.map { address in
            PlacedElement(
                SetElement(
                    [.interface(interface), .address(address)],
                    value: .verdict(.jump(chain.chain.name)),
                    comment: comment
                ),
                in: FirewallRuleset.containers(address.family)
            )
        }
        return RulesetShare(
            FirewallRuleset.layout,
            chains: [chain] + IsolationChains.with(entry, ofNetwork: digest),
            elements: elements
        )
    }

    /// What an isolated one needs of the bridges' table; nil for others.
    func isolationShare(_ configuration: FirewallConfiguration, comment: String) -> RulesetShare? {
        guard configuration.ingressPolicy == .isolated, let port else { return nil }
        let element = PlacedElement(
            SetElement([.interface(port.name)], comment: comment),
            in: FirewallRuleset.isolatedPorts
        )
        return RulesetShare(FirewallRuleset.isolationLayout, chains: [], elements: [element])
    }
}
