// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import LinuxSystem
internal import Netlink
internal import RouteNetlink

/// An attachment's veth pair: the host's end a port of the bridge, the other end in the container.
struct Port {
    /// The bridge.
    let bridge: Link
    /// The host end's name, from the attachment's identity.
    let hostName: String
    /// The host end's index.
    let hostIndex: LinkIndex
    /// The host end's hardware address.
    let hostMAC: MACAddress
    /// The container end's index in its namespace.
    let containerIndex: LinkIndex
    /// The container end's hardware address.
    let containerMAC: MACAddress
    /// Both ends' MTU in bytes.
    let mtu: Int

    /// The container end's place in the result's interfaces, behind the bridge and the host end.
    static let containerPosition = 2

    /// Makes the pair in one request: names, addresses, MTUs, the bridge as master.
    static func make(
        on bridge: Link,
        _ request: AddRequest,
        _ configuration: BridgeConfiguration,
        _ sockets: AttachmentSockets
    ) throws(CNIError) -> Port {
        let hostName = request.identity.hostInterfaceName
        let hostMAC = MACAddress.random()
        let containerMAC = configuration.mac ?? .random()
        let pair = VethPair(
            name: hostName,
            mac: hostMAC,
            mtu: configuration.mtu,
            masterIndex: bridge.index,
            isUp: false,
            peerName: request.attachment.interfaceName,
            peerMAC: containerMAC,
            peerMTU: configuration.mtu,
            peerNamespace: sockets.namespace.rawDescriptor
        )
        let indices: VethIndices
        do { indices = try sockets.host.addVeth(pair) } catch {
            guard error.number == .exists else {
                // Whatever failed, it may have been after the pair was made; one without an alias is nobody else's.
                _ = try? sockets.host.removeUnfinishedPair(hostName)
                throw CNIError(error)
            }
            throw CNIError(
                .alreadyExists,
                "\(hostName) already exists: \(request.attachment) is attached to "
                    + "\(request.identity.network) already",
                details: "\(error); run DEL for it first"
            )
        }
        try request.undo.register("remove link \(hostName)") { () throws(CNIError) in
            try sockets.host.removeIfPresent(indices.host)
        }
        guard let containerIndex = indices.peer else {
            throw CNIError(.kernel, "the kernel did not say which index \(request.attachment.interfaceName) got")
        }
        let mtu = configuration.mtu ?? 1500
        try keepMTU(of: bridge, above: mtu, sockets.host)
        return Port(
            bridge: bridge,
            hostName: hostName,
            hostIndex: indices.host,
            hostMAC: hostMAC,
            containerIndex: containerIndex,
            containerMAC: containerMAC,
            mtu: mtu
        )
    }

    /// A bridge whose MTU was never set follows its smallest port; setting it pins it.
    private static func keepMTU(of bridge: Link, above mtu: Int, _ host: borrowing RouteSocket) throws(CNIError) {
        guard mtu < bridge.mtu else { return }
        try kernel { () throws(NetlinkError) in try host.setMTU(bridge.mtu, of: bridge.index) }
    }

    /// Port options, VLANs, the alias by which GC knows the network of a port; then up.
    ///
    /// Up last: each change of a link that is up without a carrier has the kernel walk through all IPv6 routes of the host,
    /// 1.2 ms for a thousand containers.
    func configure(
        _ request: AddRequest,
        _ configuration: BridgeConfiguration,
        _ sockets: AttachmentSockets
    ) throws(CNIError) {
        try kernel { () throws(NetlinkError) in
            try sockets.host.setAlias(PortAlias(request.identity).text, of: hostIndex)
            // A bridge's port takes no part in IPv6; a thousand of them looking for routers are heard by all containers.
            try sockets.host.disableLinkLocalAddress(of: hostIndex)
            if configuration.hairpinMode || configuration.portIsolation {
                try sockets.host.setBridgePort(
                    hostIndex,
                    hairpinMode: configuration.hairpinMode,
                    isolated: configuration.portIsolation
                )
            }
        }
        if configuration.needsVLANFiltering {
            try PortVLANs(configuration).apply(to: hostIndex, sockets.host)
        }
        try kernel { () throws(NetlinkError) in try sockets.host.bringUp(hostIndex) }
    }

    /// The result's interfaces in the reference's order.
    func interfaces(namespacePath: String, attachment: AttachmentID) -> [NetworkResult.Interface] {
        [
            .init(name: bridge.name, mac: bridge.mac?.description, mtu: bridge.mtu),
            .init(name: hostName, mac: hostMAC.description, mtu: mtu),
            .init(
                name: attachment.interfaceName,
                mac: containerMAC.description,
                mtu: mtu,
                sandbox: namespacePath
            ),
        ]
    }
}

extension RouteSocket {
    /// Removes a pair that no ADD finished, which the missing alias tells.
    ///
    /// - Returns: Whether there was one.
    borrowing func removeUnfinishedPair(_ hostName: String) throws(CNIError) -> Bool {
        guard let link = try veth(named: hostName), !PortAlias.isOn(link) else { return false }
        try removeIfPresent(link.index)
        return true
    }

    /// Removes a link; one that is gone already is as good.
    borrowing func removeIfPresent(_ index: LinkIndex) throws(CNIError) {
        do { try removeLink(index) } catch {
            if error.number != .noSuchDevice { throw CNIError(error) }
        }
    }
}

/// The host end's alias (`ip link` prints it): a digest of the network for GC, the rest for people.
struct PortAlias {
    /// At most 254 bytes (`IFALIASZ`, less the NUL that is sent).
    let text: String

    init(_ identity: AttachmentIdentity) {
        let prefix = Self.prefix(network: identity.network)
        text = String(decoding: "\(prefix)\(identity.network)/\(identity.attachment)".utf8.prefix(254), as: UTF8.self)
    }

    /// Whether an ADD of ours has finished making this link.
    static func isOn(_ link: Link) -> Bool { link.alias?.hasPrefix("cni ") == true }

    /// How the aliases of a network's ports begin.
    static func prefix(network: String) -> String {
        "cni \(SHA256.hash(Array(network.utf8)).prefix(8).hexadecimal) "
    }
}
