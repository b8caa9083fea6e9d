// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import RouteNetlink

/// Which routes of a family the daemon may change.
struct RouteOwnership {
    let scope: DesiredState.Scope
    /// The networks that it had before.
    let formerNetworks: [IPPrefix]
    /// The tunnel device, when it is there and stays.
    let device: LinkIndex?
    /// The interface that the peers are reached by.
    let uplink: LinkIndex?
    /// Whether flannel's routes are taken over.
    let adopting: Bool

    /// Whether the daemon made it.
    ///
    /// Nobody hands such numbers out: another program may mark its routes with the same one.
    func owns(_ route: Route) -> Bool {
        route.isOverlayRoute(in: scope.network) || formerNetworks.contains(where: route.isOverlayRoute)
            || route.protocolNumber == DesiredState.routeProtocol && isOnDevice(route)
    }

    /// Whether flannel made it and it is taken over.
    ///
    /// - Parameter wanted: The route that belongs there; nil when none does: then only what leads through the device is
    ///   flannel's beyond doubt.
    func adopts(_ route: Route, wanted: DesiredRoute?) -> Bool {
        guard isFlannels(route), wanted != nil || route.destination.length == scope.subnetLength else { return false }
        if isOnDevice(route) { return true }
        return wanted != nil && uplink != nil && route.interface == uplink && route.gateway == wanted?.gateway
    }

    /// Whether flannel made it, where one is wanted, and it leads through the device.
    func isLeftover(_ route: Route) -> Bool { isFlannels(route) && isOnDevice(route) }

    /// Whether it is what should be.
    func matches(_ route: Route, _ wanted: DesiredRoute) -> Bool {
        route.protocolNumber == DesiredState.routeProtocol && route.type == .unicast && route.hasDefaultPriority
            && route.gateway == wanted.gateway && route.isOnLink == wanted.usesTunnel
            && route.interface == (wanted.usesTunnel ? device : uplink) && route.unknownAttributes.isEmpty
    }

    /// Whether the kernel lets the one take the other's place without a moment between.
    func canReplace(_ route: Route, _ wanted: DesiredRoute) -> Bool {
        guard route.hasDefaultPriority else { return false }
        // In IPv6 a gateway must not be reached through another interface, as the route to be replaced has it.
        return wanted.destination.family == .v4 || !wanted.usesTunnel || isOnDevice(route)
    }

    private func isOnDevice(_ route: Route) -> Bool { device != nil && route.interface == device }

    private func isFlannels(_ route: Route) -> Bool {
        // RTPROT_BOOT: flannel gives no number of its own.
        adopting && route.protocolNumber == 3 && route.type == .unicast && route.hasDefaultPriority
            && scope.network.contains(route.destination)
    }
}

extension Route {
    /// Whether it has the daemon's mark and leads into a network.
    public func isOverlayRoute(in network: IPPrefix) -> Bool {
        protocolNumber == DesiredState.routeProtocol && network.contains(destination)
    }

    /// Whether a route without a metric would be taken for the same.
    var hasDefaultPriority: Bool { (priority ?? 0) == (destination.family == .v4 ? 0 : 1024) }

    /// Whether the kernel made it by itself (`RTPROT_KERNEL`).
    var isKernels: Bool { protocolNumber == 2 }
}
