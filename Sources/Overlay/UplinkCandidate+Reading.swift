// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
public import Netlink
public import RouteNetlink

extension UplinkCandidate {
    /// The interfaces of a socket's namespace that could be the uplink.
    ///
    /// All that are up, but for loopback and the overlay's own devices.
    public static func all(_ socket: borrowing RouteSocket) throws(NetlinkError) -> [UplinkCandidate] {
        let addresses = Dictionary(grouping: try socket.addresses(), by: \.interface)
        var metrics: [LinkIndex: PerFamily<UInt32>] = [:]
        for family in AddressFamily.allCases {
            for route in try socket.routes(family: family, table: 254)
            where route.destination == .everything(family) && route.type == .unicast {
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
