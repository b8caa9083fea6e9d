// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
public import RouteNetlink

/// Tells the events that call for a look at the kernel from the thousands that a busy node makes.
///
/// It belongs to what was written last: what happened during a run or an update is judged by the filter made after it,
/// for then what the reconciler did itself is what is desired.
///
/// The kernel does not report everything: IPv4 routes go without a word with their link or with the last address on it.
/// So links and addresses count for what depends on them.
public struct EventFilter: Sendable {
    let desired: DesiredState
    let devices: PerFamily<LinkIndex>

    /// Creates a filter.
    ///
    /// - Parameter devices: The tunnel devices that are there, as ``ReconciliationReport/devices`` says.
    public init(desired: DesiredState, devices: PerFamily<LinkIndex>) {
        self.desired = desired
        self.devices = devices
    }

    /// Whether an event means that the kernel may no longer hold what is desired, or may take now what it refused.
    public func concerns(_ event: RouteEvent) -> Bool {
        switch event {
        case .eventsLost: true
        case .link(let link): concerns(link)
        case .linkRemoved(let link): isUplinkOrDevice(link.index) || couldBeInTheWay(link)
        case .bridgePort(let port): isUplinkOrDevice(port.index)
        // A device is no port, if it is as it should be.
        case .bridgePortRemoved(let port): desired.isUplink(port.index)
        case .address(let address): concerns(address, isRemoval: false)
        case .addressRemoved(let address): concerns(address, isRemoval: true)
        case .route(let route): route.isOfMainTable && concerns(route)
        case .routeRemoved(let route): route.isOfMainTable && concerns(removed: route)
        case .neighbor(let entry): concerns(entry)
        case .neighborRemoved(let entry): peer(entry) != nil
        case .forwardingEntry(let entry): concerns(entry)
        case .forwardingEntryRemoved(let entry): concerns(removed: entry)
        }
    }

    /// Whether an event means that another uplink, or another address on it, may be the right one now.
    ///
    /// Where links of containers can be told from others they do not count: veth devices and bridge ports, unless the
    /// uplink itself is one. While there is no uplink every change counts, and there is no filter either.
    public func concernsUplink(_ event: RouteEvent) -> Bool {
        switch event {
        case .eventsLost: true
        case .link(let link), .linkRemoved(let link):
            desired.isUplink(link.index)
                || (family(of: link.index) == nil && link.kind != "veth" && link.hairpinMode == nil && !link.isLoopback)
        case .address(let address), .addressRemoved(let address):
            desired.isUplink(address.interface)
                || (family(of: address.interface) == nil && !address.prefix.address.isLinkLocal
                    && !address.prefix.address.isLoopback)
        case .route(let route), .routeRemoved(let route):
            route.isOfMainTable && route.destination.length == 0 && family(of: route.interface) == nil
        case .bridgePort, .bridgePortRemoved, .neighbor, .neighborRemoved, .forwardingEntry, .forwardingEntryRemoved:
            false
        }
    }

    // MARK: Entries

    /// Whether a neighbour of a tunnel device is as it should be; false where it must be changed or go, nil where it is
    /// none that matters.
    func isRight(_ entry: NeighborEntry) -> Bool? {
        let isPermanent = entry.state.contains(.permanent)
        guard let peer = peer(entry) else { return isPermanent ? false : nil }
        return isPermanent && entry.mac == peer.mac
    }

    /// Whether a forwarding entry of a tunnel device is as it should be; see ``isRight(_:)-(NeighborEntry)``.
    func isRight(_ entry: ForwardingEntry) -> Bool? {
        guard let family = family(of: entry.interface) else { return nil }
        let isPermanent = entry.state.contains(.permanent)
        guard let endpoint = desired.endpoints[family]?[entry.mac] else { return isPermanent ? false : nil }
        return isPermanent && entry.destination == endpoint
    }

    /// Whether a route is as it should be; false where it is wrong, superfluous, or a foreign one through a tunnel device.
    func isRight(_ route: Route) -> Bool? {
        guard let owner = owner(of: route.destination.family) else {
            return desired.formerNetworks.contains(where: route.isOverlayRoute) ? false : nil
        }
        if let wanted = wanted(route) { return owner.matches(route, wanted) }
        if isBlackhole(route) { return true }
        return !route.isKernels && (owner.owns(route) || family(of: route.interface) != nil) ? false : nil
    }

    // MARK: Links and addresses

    private func family(of index: LinkIndex?) -> AddressFamily? {
        guard let index else { return nil }
        return devices.v4 == index ? .v4 : devices.v6 == index ? .v6 : nil
    }

    private func isUplinkOrDevice(_ index: LinkIndex) -> Bool { desired.isUplink(index) || family(of: index) != nil }

    /// Whether a device that could not be made may have had this one in its way.
    private func couldBeInTheWay(_ link: Link) -> Bool {
        link.kind == "vxlan" && desired.devices.families.contains { devices[$0] == nil }
    }

    private func concerns(_ link: Link) -> Bool {
        // How the uplink was before is not known here, and it changes seldom.
        if desired.isUplink(link.index) { return true }
        if let family = family(of: link.index) { return desired.devices[family]?.isHeld(by: link) != true }
        return couldBeInTheWay(link) || desired.devices.families.contains { desired.devices[$0]?.name == link.name }
    }

    private func concerns(_ address: LinkAddress, isRemoval: Bool) -> Bool {
        if desired.isUplink(address.interface) {
            // Routes go with the last address, and come again with the first.
            return desired.scopes[address.prefix.family] != nil && !address.prefix.address.isLinkLocal
        }
        guard let family = family(of: address.interface), family == address.prefix.family,
            let wanted = desired.devices[family]
        else { return false }
        if isRemoval { return address.prefix == wanted.address }
        return !address.prefix.address.isLinkLocal && !address.isUsable(as: wanted.address)
    }

    // MARK: Routes

    private func wanted(_ route: Route) -> DesiredRoute? {
        guard let found = desired.routes.element(with: route.destination.address, by: \.destination.address),
            found.destination == route.destination
        else { return nil }
        return found
    }

    private func owner(of family: AddressFamily) -> RouteOwnership? {
        desired.scopes[family].map {
            RouteOwnership(
                scope: $0,
                formerNetworks: desired.formerNetworks,
                device: devices[family],
                uplink: desired.uplinks[$0.network.family],
                adopting: false
            )
        }
    }

    private func concerns(_ route: Route) -> Bool {
        switch isRight(route) {
        case true?: false
        case false?: true
        // A subnet is on the uplink again, and with it the nodes that routes lead through.
        case nil:
            route.interface != nil && route.interface == desired.uplinks[route.destination.family]
                && route.gateway == nil
                && desired.routes.contains { !$0.usesTunnel && route.destination.contains($0.gateway) }
        }
    }

    private func isBlackhole(_ route: Route) -> Bool {
        desired.blackholes.contains { route.isBlackhole(of: $0) }
    }

    private func concerns(removed route: Route) -> Bool {
        if isBlackhole(route) { return true }
        guard let owner = owner(of: route.destination.family), let wanted = wanted(route) else { return false }
        // One of somebody else was in the place of ours; one of ours that is not as it should be was replaced.
        return owner.matches(route, wanted) || route.protocolNumber != DesiredState.routeProtocol
    }

    // MARK: Neighbours and forwarding entries

    private func peer(_ entry: NeighborEntry) -> TunnelPeer? {
        guard let family = family(of: entry.interface), entry.address.family == family else { return nil }
        return desired.devices[family]?.peers.element(with: entry.address, by: \.address)
    }

    private func concerns(_ entry: NeighborEntry) -> Bool {
        family(of: entry.interface) == entry.address.family && isRight(entry) == false
    }

    private func concerns(_ entry: ForwardingEntry) -> Bool { entry.table == .device && isRight(entry) == false }

    private func concerns(removed entry: ForwardingEntry) -> Bool {
        guard entry.table == .device, let family = family(of: entry.interface),
            let endpoint = desired.endpoints[family]?[entry.mac]
        else { return false }
        return entry.destination == nil || entry.destination == endpoint
    }
}

extension Route {
    /// Whether it is in the table of `ip route show`.
    fileprivate var isOfMainTable: Bool { table == 254 }
}

extension Array {
    /// The element with a key, of a list in the order of keys that no two elements share.
    fileprivate func element(with key: IPAddress, by keyOf: (Element) -> IPAddress) -> Element? {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if keyOf(self[middle]) < key { low = middle + 1 } else { high = middle }
        }
        return low < endIndex && keyOf(self[low]) == key ? self[low] : nil
    }
}
