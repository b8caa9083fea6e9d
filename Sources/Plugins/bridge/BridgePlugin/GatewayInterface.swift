// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import IPAddresses
internal import LinuxSystem
internal import Netlink
internal import RouteNetlink

/// The host's own presence in the network: the bridge, or with an access VLAN a veth pair whose one end is a port.
enum GatewayInterface {
    /// Makes sure that the gateways of a result have their addresses and that packets are forwarded.
    ///
    /// - Returns: The VLAN interface for the result, when there is one.
    static func ensure(
        _ result: NetworkResult,
        _ port: Port,
        _ configuration: BridgeConfiguration,
        _ host: borrowing RouteSocket
    ) throws(CNIError) -> NetworkResult.Interface? {
        let link = try configuration.vlan == nil ? port.bridge : ensureVLANInterface(port.bridge, configuration, host)
        let gateways = result.ips.compactMap(Gateway.init(of:))
        try host.ensureGateways(gateways, on: link, replacing: configuration.forceAddress) {
            () throws(CNIError) in try isOnlyPort(port, host)
        }
        for family in AddressFamily.allCases where gateways.contains(where: { $0.prefix.family == family }) {
            try Forwarding.enable(family, host)
        }
        guard configuration.vlan != nil else { return nil }
        return .init(name: link.name, mac: link.mac?.description, mtu: link.mtu)
    }

    /// Whether the bridge serves no container but this one.
    private static func isOnlyPort(_ port: Port, _ host: borrowing RouteSocket) throws(CNIError) -> Bool {
        let ports = try kernel { () throws(NetlinkError) in try host.links(withMaster: port.bridge.index) }
        return ports.allSatisfy { $0.index == port.hostIndex || $0.alias == alias }
    }

    /// What tells our VLAN interfaces' ports from containers' ports.
    private static let alias = "cni gateway port"

    /// `<bridge>.<vlan>` and its port; made once, and it belongs to the network.
    private static func ensureVLANInterface(
        _ bridge: Link,
        _ configuration: BridgeConfiguration,
        _ host: borrowing RouteSocket
    ) throws(CNIError) -> Link {
        let name = configuration.gatewayInterface
        if try kernel({ () throws(NetlinkError) in try host.link(named: name) }) == nil {
            try makeVLANInterface(name, beside: bridge, host)
        }
        guard let link = try host.veth(named: name), link.peerNamespaceID == nil, let peer = link.peerIndex,
            let port = try kernel({ () throws(NetlinkError) in try host.link(peer) }),
            port.kind == "veth", port.peerIndex == link.index, [nil, bridge.index].contains(port.masterIndex)
        else {
            throw CNIError(
                .conflict,
                "\"\(name)\" exists but is not the VLAN's gateway interface",
                details: "it must be a veth whose peer is a port of \(bridge.name); remove it: ip link del \(name)"
            )
        }
        // Each step again, however far an interrupted ADD got; all are without effect when done.
        try kernel { () throws(NetlinkError) in
            if port.masterIndex != bridge.index { try host.setMaster(bridge.index, of: peer) }
            if port.alias != alias { try host.setAlias(alias, of: peer) }
            if !port.isUp { try host.bringUp(peer) }
            if !link.isUp { try host.bringUp(link.index) }
        }
        BridgeLink.ignoreRouterAdvertisements(on: link)
        try PortVLANs(access: configuration.vlan ?? 0).apply(to: peer, host)
        return link
    }

    /// The port's name is a digest: the interface's own may be too long to add to.
    private static func makeVLANInterface(
        _ name: String,
        beside bridge: Link,
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        let digest = SHA256.hash(Array(name.utf8)).prefix(5).hexadecimal
        let pair = VethPair(
            name: name,
            mac: .random(),
            mtu: bridge.mtu,
            masterIndex: nil,
            isUp: true,
            peerName: "vethg\(digest)",
            peerMAC: .random(),
            peerMTU: bridge.mtu,
            peerNamespace: nil
        )
        do { _ = try host.addVeth(pair) } catch {
            // Another ADD was as fast.
            if error.number != .exists { throw CNIError(error) }
        }
    }
}
