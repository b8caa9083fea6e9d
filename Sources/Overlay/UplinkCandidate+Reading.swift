// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import Netlink
public import RouteNetlink

extension UplinkCandidate {
    /// The interfaces of a socket's namespace that could be the uplink.
    ///
    /// All that are up, but for loopback and the overlay's own devices.
    ///
    /// - Parameter families: Those whose default routes are of interest.
    public static func all(
        _ socket: borrowing RouteSocket,
        _ families: [AddressFamily] = AddressFamily.allCases
    ) throws(NetlinkError) -> [UplinkCandidate] {
        let addresses = Dictionary(grouping: try socket.addresses(), by: \.interface)
        var metrics: [LinkIndex: PerFamily<UInt32>] = [:]
        for family in families {
            for route in try socket.defaultRoutes(family: family, table: 254) where route.type == .unicast {
                guard let interface = route.interface else { continue }
                let metric = min(route.priority ?? 0, metrics[interface]?[family] ?? .max)
                metrics[interface, default: PerFamily()][family] = metric
            }
        }
        return try socket.links()
            .filter { $0.isUp && !$0.isLoopback && !($0.kind == "vxlan" && TunnelDevice.isName($0.name)) }
            .map { link in
                UplinkCandidate(
                    index: link.index,
                    name: link.name,
                    mtu: link.mtu,
                    addresses: addresses[link.index] ?? [],
                    defaultRouteMetric: metrics[link.index] ?? PerFamily()
                )
            }
    }
}
