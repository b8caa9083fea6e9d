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
    private(set) var endpoints: [MACAddress: IPAddress] = [:]

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

    /// A peer that can be programmed, as far as it alone is concerned.
    private struct Candidate {
        let subnet: IPPrefix
        let publicAddress: IPAddress
        /// The Ethernet address of the peer's device; nil where packets go to the peer without the tunnel.
        let mac: MACAddress?
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
                found.append(try candidate(peer, subnet, publicAddress))
            } catch {
                skipped.append(SkippedPeer(subnet: subnet, publicAddress: publicAddress, reason: error.reason))
            }
        }
        // The order makes the same peers win each time, and puts what lies in a subnet right behind it.
        // Places are sorted, as candidates are large and there are thousands.
        let places = found.indices.sorted {
            (found[$0].subnet.address, found[$0].subnet.length, found[$0].publicAddress)
                < (found[$1].subnet.address, found[$1].subnet.length, found[$1].publicAddress)
        }
        for (position, place) in places.enumerated() {
            let candidate = found[place]
            do throws(Refusal) {
                // Of several the smallest wins, so that one wrong lease cannot cut off many nodes; of equal ones the first.
                if position > 0, found[places[position - 1]].subnet == candidate.subnet {
                    throw Refusal(.overlaps(candidate.subnet))
                }
                if let next = places[position...].first(where: { found[$0].subnet != candidate.subnet }),
                    case let next = found[next].subnet, candidate.subnet.contains(next)
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
        let (subnet, endpoint) = (candidate.subnet, candidate.publicAddress)
        guard let mac = candidate.mac else {
            routes.append(DesiredRoute(destination: subnet, gateway: endpoint, usesTunnel: false))
            return
        }
        // One address leads to one node; a node that changed its subnet may have both leases for a while.
        if mac == self.mac { throw Refusal(.takenMAC(mac)) }
        if let other = endpoints.updateValue(endpoint, forKey: mac), other != endpoint {
            endpoints[mac] = other
            throw Refusal(.takenMAC(mac))
        }
        tunnelPeers.append(TunnelPeer(address: subnet.first, mac: mac, endpoint: endpoint))
        routes.append(DesiredRoute(destination: subnet, gateway: subnet.first, usesTunnel: true))
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

    private func candidate(
        _ peer: Lease,
        _ other: IPPrefix,
        _ publicAddress: IPAddress?
    ) throws(Refusal) -> Candidate {
        let type = peer.attributes.backendType
        guard type == .vxlan || type == .hostGateway else { throw Refusal(.backend(type)) }
        guard let address = publicAddress, address.family == local.family, !address.isUnspecified,
            !address.isLoopback, !address.isMulticast, !address.isBoundToLink, !other.contains(address),
            !subnet.contains(address)
        else { throw Refusal(.noPublicAddress) }
        if address == local { throw Refusal(.ownAddress) }
        let isOnLink = uplink.isOnLink(address)
        let direct = Candidate(subnet: other, publicAddress: address, mac: nil)
        guard let options else {
            // A node with VXLAN forwards packets that come without it as well.
            if isOnLink { return direct }
            throw Refusal(type == .vxlan ? .backend(type) : .notOnLink)
        }
        if type == .hostGateway {
            if isOnLink { return direct }
            throw Refusal(.notOnLink)
        }
        if options.directRouting, isOnLink { return direct }
        guard let endpoint = peer.attributes.vxlanEndpoints[local.family] else { throw Refusal(.backendData) }
        guard endpoint.vni == options.vni else { throw Refusal(.otherVNI(endpoint.vni)) }
        return Candidate(subnet: other, publicAddress: address, mac: endpoint.mac)
    }
}
