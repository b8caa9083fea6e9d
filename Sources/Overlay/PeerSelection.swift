// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses

/// Goes through the peers of one family and finds out which can be programmed, and how.
struct PeerSelection {
    /// The network that all subnets are part of.
    let network: IPPrefix
    /// This node's subnet.
    let subnet: IPPrefix
    /// The interface that the peers are reached by.
    let uplink: Uplink
    /// This node's address on it.
    let local: IPAddress
    /// The options of this node's backend, when it is VXLAN.
    let options: NetworkConfiguration.VXLANOptions?
    /// The Ethernet address of this node's device, when it has one.
    let mac: MACAddress?

    /// The routes to the peers.
    private(set) var routes: [DesiredRoute] = []
    /// The peers that are reached through the tunnel.
    private(set) var tunnelPeers: [TunnelPeer] = []
    /// The peers that are left out.
    private(set) var skipped: [SkippedPeer] = []

    /// Where the frames for the Ethernet addresses seen so far go.
    private var endpoints: [MACAddress: IPAddress] = [:]

    init(
        network: IPPrefix,
        subnet: IPPrefix,
        uplink: Uplink,
        local: IPAddress,
        options: NetworkConfiguration.VXLANOptions?,
        mac: MACAddress?
    ) {
        self.network = network
        self.subnet = subnet
        self.uplink = uplink
        self.local = local
        self.options = options
        self.mac = mac
    }

    /// How a peer is reached.
    private enum Way {
        case direct(IPAddress)
        case tunnel(TunnelPeer)
    }

    /// A peer that can be programmed, as far as it alone is concerned.
    private struct Candidate {
        let subnet: IPPrefix
        let publicAddress: IPAddress?
        let way: Way
    }

    /// Decides about all peers.
    mutating func select(_ peers: [Lease], _ family: AddressFamily) {
        var found: [Candidate] = []
        found.reserveCapacity(peers.count)
        endpoints.reserveCapacity(peers.count)
        routes.reserveCapacity(peers.count)
        for peer in peers {
            guard let subnet = peer.subnets[family] else { continue }
            let publicAddress = peer.attributes.publicAddresses[family]
            do throws(Refusal) {
                try check(subnet, family)
                let way = try way(to: peer, subnet, publicAddress)
                found.append(Candidate(subnet: subnet, publicAddress: publicAddress, way: way))
            } catch {
                skipped.append(SkippedPeer(subnet: subnet, publicAddress: publicAddress, reason: error.reason))
            }
        }
        // The order makes the same peers win each time, and puts what lies in a subnet right behind it.
        // Places are sorted, as candidates are large and there are thousands.
        let places = found.indices.sorted {
            (found[$0].subnet.address, found[$0].subnet.length, found[$0].publicAddress ?? local)
                < (found[$1].subnet.address, found[$1].subnet.length, found[$1].publicAddress ?? local)
        }
        let candidates = places.map { found[$0] }
        for (position, candidate) in candidates.enumerated() {
            do throws(Refusal) {
                // Of several the smallest wins, so that one wrong lease cannot cut off many nodes; of equal ones the first.
                if position > 0, candidates[position - 1].subnet == candidate.subnet {
                    throw Refusal(.overlaps(candidate.subnet))
                }
                if let next = candidates[position...].first(where: { $0.subnet != candidate.subnet })?.subnet,
                    candidate.subnet.contains(next)
                {
                    throw Refusal(.overlaps(next))
                }
                try accept(candidate)
            } catch {
                skipped.append(
                    SkippedPeer(
                        subnet: candidate.subnet,
                        publicAddress: candidate.publicAddress,
                        reason: error.reason
                    )
                )
            }
        }
    }

    private mutating func accept(_ candidate: Candidate) throws(Refusal) {
        switch candidate.way {
        case .direct(let gateway):
            routes.append(DesiredRoute(destination: candidate.subnet, gateway: gateway, usesTunnel: false))
        case .tunnel(let peer):
            // One address leads to one node; a node that changed its subnet may have both leases for a while.
            if peer.mac == mac || endpoints[peer.mac, default: peer.endpoint] != peer.endpoint {
                throw Refusal(.takenMAC(peer.mac))
            }
            endpoints[peer.mac] = peer.endpoint
            tunnelPeers.append(peer)
            routes.append(DesiredRoute(destination: candidate.subnet, gateway: peer.address, usesTunnel: true))
        }
    }

    private struct Refusal: Error {
        let reason: SkippedPeer.Reason
        init(_ reason: SkippedPeer.Reason) { self.reason = reason }
    }

    /// What must hold of a subnet, whoever claims it.
    private func check(_ other: IPPrefix, _ family: AddressFamily) throws(Refusal) {
        guard other.family == family, other.isNetwork, other.length > 0 else { throw Refusal(.notASubnet) }
        if subnet.overlaps(other) { throw Refusal(.ownSubnet) }
        guard network.contains(other) else { throw Refusal(.foreignNetwork) }
        // A route to it would take the packets between the nodes away from the uplink.
        if let covered = uplink.networks.first(where: { $0.overlaps(other) }) { throw Refusal(.coversUplink(covered)) }
    }

    private func way(
        to peer: Lease,
        _ other: IPPrefix,
        _ publicAddress: IPAddress?
    ) throws(Refusal) -> Way {
        let type = peer.attributes.backendType
        guard type == .vxlan || type == .hostGateway else { throw Refusal(.backend(type)) }
        guard let address = publicAddress, address.family == local.family, !address.isUnspecified,
            !address.isLoopback, !address.isMulticast, !address.isBoundToLink, !other.contains(address),
            !subnet.contains(address)
        else { throw Refusal(.noPublicAddress) }
        if address == local { throw Refusal(.ownAddress) }
        let isOnLink = uplink.isOnLink(address)
        guard let options else {
            // A node with VXLAN forwards packets that come without it as well.
            if isOnLink { return .direct(address) }
            throw Refusal(type == .vxlan ? .backend(type) : .notOnLink)
        }
        if type == .hostGateway {
            if isOnLink { return .direct(address) }
            throw Refusal(.notOnLink)
        }
        if options.directRouting, isOnLink { return .direct(address) }
        guard let endpoint = peer.attributes.vxlanEndpoints[local.family] else { throw Refusal(.backendData) }
        guard endpoint.vni == options.vni else { throw Refusal(.otherVNI(endpoint.vni)) }
        return .tunnel(TunnelPeer(address: other.first, mac: endpoint.mac, endpoint: address))
    }
}
