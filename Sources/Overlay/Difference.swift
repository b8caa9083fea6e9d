// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
public import RouteNetlink

/// What has to be done so that the kernel holds what is desired; nothing when it does.
///
/// It depends on its arguments alone. The changes are in an order in which each finds what it needs, and in which traffic
/// to a peer that stays is not interrupted: an Ethernet address can be reached before the neighbour gets it, and no route
/// leads to a neighbour that is gone.
///
/// What is owned: the tunnel device, its addresses (link-local ones apart), its permanent neighbours and forwarding
/// entries, and the routes with ``DesiredState/routeProtocol`` that lead into the network or a former one, or through the
/// device. Former tunnel devices go last, when the present ones carry the packets.
public struct Difference: Hashable, Sendable {
    /// The changes in order.
    public internal(set) var changes: [Change] = []
    /// Routes through the tunnel device that somebody else made; they stay.
    public private(set) var foreignRoutes: [Route] = []
    /// Routes that somebody else made where one of ours belongs; they stay, and the peer is not reached.
    public private(set) var conflictingRoutes: [Route] = []

    /// Whether the kernel holds what is desired, as far as it can be changed.
    public var isEmpty: Bool { changes.isEmpty }

    /// What becomes superfluous once the changes before are made.
    var removals: [Change] = []

    /// Compares.
    ///
    /// - Parameter adopting: Whether routes that flannel left (`proto boot`) are taken over, which is right only at the
    ///   first start after it: lease-sized ones in the network, through the tunnel device or to a known peer.
    public init(desired: DesiredState, kernel: KernelState, adopting: Bool = false) {
        let former = kernel.formerDevices.filter { $0.kind == "vxlan" }
        // The kernel makes no second device with the same identifier.
        let obstacles = former.filter { link in
            desired.devices.families.contains { family in
                guard let wanted = desired.devices[family], wanted.excludes(link) else { return false }
                return kernel.devices[family].map { !wanted.isCompatible(with: $0.link) } ?? true
            }
        }
        changes += obstacles.map { .removeDevice($0) }
        for family in desired.scopes.families {
            guard let scope = desired.scopes[family] else { continue }
            var device = kernel.devices[family]
            if let wanted = desired.devices[family] { addDevice(wanted, family, &device) }
            let owner = RouteOwnership(
                scope: scope,
                formerNetworks: desired.formerNetworks,
                device: device?.link.index,
                uplink: desired.uplinks[family],
                adopting: adopting
            )
            // The routes through a device that is made anew go with it.
            var leaving = obstacles.map(\.index)
            if device == nil, let link = kernel.devices[family]?.link { leaving.append(link.index) }
            var existing = (kernel.routes[family] ?? []).filter { route in !leaving.contains { $0 == route.interface } }
            for subnet in desired.blackholes where subnet.family == family { addBlackhole(of: subnet, &existing) }
            addRoutes(desired.routes.filter { $0.destination.family == family }, existing, owner)
        }
        for family in desired.routedFamilies where desired.scopes[family] == nil {
            changes += (kernel.routes[family] ?? []).map { .removeRoute($0) }
        }
        changes += removals + former.filter { !obstacles.contains($0) }.map { .removeFormerDevice($0) }
        removals = []
    }

    // MARK: Device

    /// - Parameter device: Becomes nil when what is there cannot stay.
    private mutating func addDevice(
        _ wanted: TunnelDevice,
        _ family: AddressFamily,
        _ device: inout KernelState.Device?
    ) {
        if let link = device?.link, !wanted.isCompatible(with: link) {
            changes.append(.removeDevice(link))
            device = nil
        }
        guard let device else {
            changes.append(
                .addDevice(
                    VXLANOptions(name: wanted.name, mac: wanted.mac, mtu: wanted.mtu, settings: wanted.settings),
                    family
                )
            )
            changes.append(.refuseAdvertisements(name: wanted.name))
            if !wanted.checksumOffload { changes.append(.refuseChecksumOffload(family)) }
            changes.append(.addAddress(wanted.address, family))
            changes.append(.bringUp(family))
            addEntries(wanted, family, neighbors: [], forwarding: [])
            return
        }
        let link = device.link
        if (link.routerAdvertisements ?? 0) != 0 { changes.append(.refuseAdvertisements(name: wanted.name)) }
        if !wanted.checksumOffload, device.checksumOffload != false { changes.append(.refuseChecksumOffload(family)) }
        if link.masterIndex != nil { changes.append(.release(family)) }
        // First, as the interface limits the MTU.
        if let local = wanted.settings.local, let underlay = wanted.settings.underlay,
            link.vxlan?.local != local || link.vxlan?.underlay != underlay
        {
            changes.append(.setUnderlay(local: local, underlay, family))
        }
        if link.mac != wanted.mac { changes.append(.setMAC(wanted.mac, family)) }
        if link.mtu != wanted.mtu { changes.append(.setMTU(wanted.mtu, family)) }
        if link.vxlan?.learning != wanted.settings.learning {
            changes.append(.setLearning(wanted.settings.learning, family))
        }
        for address in device.addresses where !address.isUsable(as: wanted.address) && !address.isLinkLocal {
            // One that cannot be used has to go before it can come again.
            if address.prefix == wanted.address {
                changes.append(.removeAddress(address))
            } else {
                removals.append(.removeAddress(address))
            }
        }
        if !device.addresses.contains(where: { $0.isUsable(as: wanted.address) }) {
            changes.append(.addAddress(wanted.address, family))
        }
        if !link.isUp { changes.append(.bringUp(family)) }
        // The kernel forgets all neighbours of a device whose address changes.
        let neighbors = link.mac == wanted.mac ? device.neighbors : []
        addEntries(wanted, family, neighbors: neighbors, forwarding: device.forwardingEntries)
    }

    /// Adds what the peers behind a device need, and removes what nobody needs any more.
    mutating func addEntries(
        _ wanted: TunnelDevice,
        _ family: AddressFamily,
        neighbors: [NeighborEntry],
        forwarding: [ForwardingEntry]
    ) {
        let existing = Dictionary(grouping: forwarding, by: \.mac)
        var endpoints: [MACAddress: IPAddress] = [:]
        var replaced: Set<MACAddress> = []
        for peer in wanted.peers where endpoints.updateValue(peer.endpoint, forKey: peer.mac) == nil {
            let entries = existing[peer.mac] ?? []
            if entries.contains(where: { $0.destination == peer.endpoint && $0.state.contains(.permanent) }) {
                continue
            }
            // With several, the kernel would replace any one of them.
            if entries.count > 1 { changes += entries.map { .removeForwardingEntry($0) } }
            changes.append(.setForwardingEntry(peer.mac, peer.endpoint, family))
            replaced.insert(peer.mac)
        }
        for entry in forwarding where entry.state.contains(.permanent) && entry.destination != endpoints[entry.mac] {
            if !replaced.contains(entry.mac) { removals.append(.removeForwardingEntry(entry)) }
        }
        var known = Dictionary(neighbors.map { ($0.address, $0) }) { first, _ in first }
        for peer in wanted.peers {
            let entry = known.removeValue(forKey: peer.address)
            if entry?.mac == peer.mac, entry?.state.contains(.permanent) == true { continue }
            changes.append(.setNeighbor(peer.address, peer.mac, family))
        }
        for entry in neighbors where known[entry.address] != nil && entry.state.contains(.permanent) {
            removals.append(.removeNeighbor(entry))
        }
    }

    // MARK: Routes

    /// - Parameter existing: Loses the one that is there; any other of ours goes as all that nobody wants.
    private mutating func addBlackhole(of subnet: IPPrefix, _ existing: inout [Route]) {
        if let place = existing.firstIndex(where: { $0.isBlackhole(of: subnet) }) {
            existing.remove(at: place)
        } else {
            changes.append(.addBlackhole(subnet))
        }
    }

    /// Adds the routes of a family, and removes those that nobody wants any more.
    mutating func addRoutes(_ wanted: [DesiredRoute], _ existing: [Route], _ owner: RouteOwnership) {
        let byDestination = Dictionary(grouping: existing, by: \.destination)
        var destinations: Set<IPPrefix> = []
        var gone: [Change] = []
        var set: [Change] = []
        for route in wanted {
            destinations.insert(route.destination)
            let present = byDestination[route.destination] ?? []
            let ours = present.filter { owner.owns($0) || owner.adopts($0, wanted: route) }
            if let kept = ours.first(where: { owner.matches($0, route) }) {
                gone += ours.filter { $0 != kept }.map { .removeRoute($0) }
            } else if let other = present.first(where: { !ours.contains($0) && $0.hasDefaultPriority }) {
                conflictingRoutes.append(other)
                gone += ours.map { .removeRoute($0) }
            } else if ours.count == 1, let only = ours.first, owner.canReplace(only, route) {
                set.append(.replaceRoute(route))
            } else {
                // The kernel would replace any one of several.
                gone += ours.map { .removeRoute($0) }
                set.append(.addRoute(route))
            }
        }
        for route in existing {
            let isWanted = destinations.contains(route.destination)
            if !isWanted, owner.owns(route) || owner.adopts(route, wanted: nil) {
                gone.append(.removeRoute(route))
            } else if let device = owner.device, route.interface == device, !route.isKernels, !owner.owns(route),
                !(isWanted && owner.isLeftover(route))
            {
                foreignRoutes.append(route)
            }
        }
        // What is superfluous could be in the way: in IPv6 a gateway must not be reached through another interface.
        changes += gone + set
    }
}

extension LinkAddress {
    /// Whether it is this address, and no other station has it.
    func isUsable(as wanted: IPPrefix) -> Bool { prefix == wanted && !flags.contains(.dadFailed) }
    /// Whether it is one that the kernel gives to each interface.
    fileprivate var isLinkLocal: Bool { prefix.address.isLinkLocal }
}
