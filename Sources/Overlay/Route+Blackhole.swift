// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import RouteNetlink

extension Route {
    /// The route that drops packets for a subnet of this node that no other route takes.
    ///
    /// With the worst metric there is: a bridge's own route to the same subnet, which comes later, must win.
    static func blackhole(of subnet: IPPrefix) -> Route {
        Route(
            destination: subnet,
            priority: .max,
            scope: 0,
            protocolNumber: DesiredState.routeProtocol,
            type: .blackhole
        )
    }

    /// Whether it is that route, as the kernel shows it: in IPv6 with the loopback interface.
    func isBlackhole(of subnet: IPPrefix) -> Bool {
        destination == subnet && type == .blackhole && priority == .max && gateway == nil
            && protocolNumber == DesiredState.routeProtocol
    }
}
