// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import Netlink
internal import RouteNetlink

extension BridgePlugin {
    /// Verifies what ADD set: the bridge, the pair, the port's options and VLANs, addresses, routes, gateways, rules.
    public func check(_ request: CheckRequest) throws(CNIError) {
        let configuration = try BridgeConfiguration(request.configuration, arguments: request.arguments)
        try request.delegateToIPAM()
        let result = try request.requiredPreviousResult()
        let sockets = try AttachmentSockets(namespacePath: request.namespacePath)

        guard let bridge = try BridgeLink.find(configuration.bridge, sockets.host) else {
            throw AttachmentCheck.difference("bridge \(configuration.bridge) is missing on the host")
        }
        if !bridge.isUp { throw AttachmentCheck.difference("bridge \(bridge.name) is down") }
        let container = AttachmentCheck(sockets: sockets, interfaceName: request.attachment.interfaceName)
        let interface = try container.requireInterface(kind: "veth")
        try requirePort(of: interface, on: bridge, configuration, sockets.host)
        if !interface.isUp && !configuration.disablesContainerInterface {
            throw AttachmentCheck.difference("interface \(interface.name) is down in the container")
        }
        let rules = try PacketRules.open(configuration, request.identity)
        try rules?.check(container.addresses(of: result).map(\.address), interface.mac, configuration)
        guard request.configuration.ipamType != nil else { return }
        try container.requireAddressesAndRoutes(of: result, on: interface)
        if configuration.isGateway {
            let gateways = container.addresses(of: result).compactMap(Gateway.init(of:))
            try require(gateways, on: bridge, configuration, sockets.host)
        }
    }

    /// The host end: the other half of the container's pair, a port of the bridge with the configured options.
    private func requirePort(
        of interface: Link,
        on bridge: Link,
        _ configuration: BridgeConfiguration,
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        let found = try kernel { () throws(NetlinkError) -> Link? in
            guard let index = interface.peerIndex else { return nil }
            return try host.link(index)
        }
        guard let port = found, port.kind == "veth" else {
            throw AttachmentCheck.difference("the host's end of \(interface.name) is missing")
        }
        guard port.masterIndex == bridge.index else {
            throw AttachmentCheck.difference("\(port.name) is not a port of bridge \(bridge.name)")
        }
        for (option, expected, actual) in [
            ("hairpin mode", configuration.hairpinMode, port.hairpinMode),
            ("isolation", configuration.portIsolation, port.isIsolated),
        ] where (actual ?? false) != expected {
            throw AttachmentCheck.difference(
                "\(option) of port \(port.name) is \(expected ? "off" : "on"), must be \(expected ? "on" : "off")"
            )
        }
        guard configuration.needsVLANFiltering else { return }
        guard bridge.vlanFiltering == true else {
            throw AttachmentCheck.difference("VLAN filtering of bridge \(bridge.name) is off")
        }
        let difference = try PortVLANs(configuration).difference(on: port.index, host)
        for (what, vlans) in [("lacks", difference.missing), ("must not have", difference.surplus)]
        where !vlans.isEmpty {
            let list = vlans.map { "\($0.id)" }.joined(separator: ", ")
            throw AttachmentCheck.difference("port \(port.name) \(what) VLANs \(list)")
        }
    }

    private func require(
        _ gateways: [Gateway],
        on bridge: Link,
        _ configuration: BridgeConfiguration,
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        var owner = bridge
        if configuration.vlan != nil {
            guard let link = try host.veth(named: configuration.gatewayInterface) else {
                throw AttachmentCheck.difference("\(configuration.gatewayInterface) is missing on the host")
            }
            owner = link
        }
        if let missing = try host.missingGateways(gateways, on: owner).first {
            throw AttachmentCheck.difference("gateway address \(missing.prefix) is missing on \(owner.name)")
        }
        for family in AddressFamily.allCases where gateways.contains(where: { $0.prefix.family == family }) {
            if try Forwarding.isEnabled(family, host) { continue }
            throw AttachmentCheck.difference("\(family) forwarding is off on this host")
        }
    }
}
