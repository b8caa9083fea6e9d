// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import RouteNetlink

extension Difference {
    /// Finds out what has to be done where the kernel holds one state and should hold another, without looking at it.
    ///
    /// - Parameters:
    ///   - held: What the kernel holds beyond doubt.
    ///   - devices: The tunnel devices, which are all there.
    /// - Returns: nil when more than peers and their routes changed: then the kernel has to be read.
    init?(from held: DesiredState, to desired: DesiredState, devices: PerFamily<LinkIndex>) {
        guard held.isAlike(desired) else { return nil }
        let routes = held.routes.changes(to: desired.routes, by: \.destination.address)
        for family in desired.scopes.families {
            guard let scope = desired.scopes[family] else { continue }
            if let wanted = desired.devices[family], let old = held.devices[family], let device = devices[family] {
                addPeers(from: old, to: wanted, family, device)
            }
            addRoutes(
                routes.wanted.filter { $0.destination.family == family },
                routes.superfluous.filter { $0.destination.family == family }.compactMap { route in
                    var kernel = route.route(desired.uplinks, devices)
                    // What the kernel gives to a route without a metric, and shows.
                    if family == .v6 { kernel?.priority = 1024 }
                    return kernel
                },
                RouteOwnership(
                    scope: scope,
                    formerNetworks: desired.formerNetworks,
                    device: devices[family],
                    uplink: desired.uplinks[family],
                    adopting: false
                )
            )
        }
        changes += removals
        removals = []
    }

    private mutating func addPeers(
        from held: TunnelDevice,
        to desired: TunnelDevice,
        _ family: AddressFamily,
        _ device: LinkIndex
    ) {
        let changes = held.peers.changes(to: desired.peers, by: \.address)
        // A forwarding entry may serve several subnets of a node: it goes with the last of them.
        let affected = Set((changes.superfluous + changes.wanted).map(\.mac))
        if affected.isEmpty { return }
        let old = held.peers.filter { affected.contains($0.mac) }
        var wanted = desired
        wanted.peers = desired.peers.filter { affected.contains($0.mac) }
        let endpoints = Dictionary(old.map { ($0.mac, $0.endpoint) }) { first, _ in first }
        addEntries(
            wanted,
            family,
            neighbors: old.map { NeighborEntry(address: $0.address, mac: $0.mac, interface: device) },
            forwarding: endpoints.map { ForwardingEntry(mac: $0.key, interface: device, destination: $0.value) }
        )
    }
}

extension DesiredState {
    /// Whether the two differ at most in the peers and the routes to them.
    fileprivate func isAlike(_ other: DesiredState) -> Bool {
        uplinks == other.uplinks && scopes == other.scopes && blackholes == other.blackholes
            && familiesWithoutUplink == other.familiesWithoutUplink
            && other.formerDevices.allSatisfy(formerDevices.contains)
            && other.formerNetworks.allSatisfy(formerNetworks.contains)
            && AddressFamily.allCases.allSatisfy { devices[$0]?.withoutPeers == other.devices[$0]?.withoutPeers }
    }
}

extension TunnelDevice {
    fileprivate var withoutPeers: TunnelDevice {
        var device = self
        device.peers = []
        return device
    }
}

extension Array where Element: Equatable {
    /// What only one of two lists has, both of which are in the order of a key that no two of their elements share.
    fileprivate func changes(
        to other: [Element],
        by key: (Element) -> IPAddress
    ) -> (superfluous: [Element], wanted: [Element]) {
        var superfluous: [Element] = []
        var wanted: [Element] = []
        var (mine, its) = (startIndex, other.startIndex)
        while mine < endIndex, its < other.endIndex {
            if self[mine] == other[its] {
                (mine, its) = (mine + 1, its + 1)
            } else if key(self[mine]) <= key(other[its]) {
                superfluous.append(self[mine])
                mine += 1
            } else {
                wanted.append(other[its])
                its += 1
            }
        }
        return (superfluous + self[mine...], wanted + other[its...])
    }
}
