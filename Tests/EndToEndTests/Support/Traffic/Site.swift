// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting

/// A host with an uplink to each of two neighbours, who know no way to its containers.
///
/// ```
/// outside  192.0.2.2 ──── 192.0.2.1  host  198.51.100.1 ──── 198.51.100.2  upstream
/// ```
final class Site: Sendable {
    /// The host; it forwards once a network with a gateway has been made on it.
    let host: TestHost
    /// The neighbour behind `up0`.
    let outside: TestContainer
    /// The neighbour behind `up1`.
    let upstream: TestContainer

    /// Makes the host and its neighbours.
    ///
    /// - Parameter bridgeFilter: Whether frames between ports of a bridge pass iptables and nf_tables as packets do:
    ///   `net.bridge.bridge-nf-call-iptables` and `-ip6tables`.
    init(bridgeFilter: Bool = true, pluginPath: [String] = [BuiltProducts.directory]) throws {
        host = try TestHost(pluginPath: pluginPath)
        outside = try TestContainer("outside")
        upstream = try TestContainer("upstream")
        try Self.prepare(host.namespace)
        try Self.prepare(outside.namespace)
        try Self.prepare(upstream.namespace)
        for family in ["iptables", "ip6tables"] {
            try host.namespace.write(Sysctl("net/bridge/bridge-nf-call-\(family)"), bridgeFilter ? "1" : "0")
        }
        try connect(outside, by: "up0", Place.host, Place.outside)
        try connect(upstream, by: "up1", Place.hostUpstream, Place.upstream)
    }

    /// Lets both neighbours reach a subnet through the host: the other neighbour's, a container network's.
    func routeFromNeighbors(to subnet: IPPrefix) throws {
        for (neighbor, gateway) in [(outside, Place.host), (upstream, Place.hostUpstream)] {
            let gateway = gateway.address(subnet.family)
            // The uplink's own subnet is on the link already.
            if subnet.contains(gateway) { continue }
            try Command.run(
                "ip",
                "route",
                "replace",
                "\(subnet)",
                "via",
                "\(gateway)",
                "dev",
                "eth0",
                in: neighbor.namespace
            )
        }
    }

    /// Lets the neighbours reach each other through the host.
    func routeBetweenNeighbors() throws {
        let subnets: [IPPrefix] = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8:2::/64", "2001:db8:51::/64"]
        for subnet in subnets { try routeFromNeighbors(to: subnet) }
    }

    /// No filter of source addresses, and no wait for duplicate addresses.
    private static func prepare(_ namespace: borrowing NetworkNamespace) throws {
        for interface in ["all", "default"] {
            try namespace.write(.ipv4(interface, "rp_filter"), "0")
            try namespace.write(.ipv6(interface, "accept_dad"), "0")
        }
    }

    private func connect(_ neighbor: TestContainer, by uplink: String, _ near: Place, _ far: Place) throws {
        try host.run(
            "ip",
            "link",
            "add",
            uplink,
            "up",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            neighbor.namespace.path
        )
        try Command.run("ip", "link", "set", "eth0", "up", in: neighbor.namespace)
        try Command.run("ip", "link", "set", "lo", "up", in: neighbor.namespace)
        for family in AddressFamily.allCases {
            let length = family == .v4 ? 24 : 64
            try host.run("ip", "addr", "add", "\(near.address(family))/\(length)", "dev", uplink)
            try Command.run(
                "ip",
                "addr",
                "add",
                "\(far.address(family))/\(length)",
                "dev",
                "eth0",
                in: neighbor.namespace
            )
        }
    }
}

/// An address of a host or of a neighbour of it.
enum Place: Sendable {
    /// The neighbour behind `up0`.
    case outside
    /// The neighbour behind `up1`.
    case upstream
    /// The host on `up0`.
    case host
    /// The host on `up1`.
    case hostUpstream

    /// The address in a family.
    func address(_ family: AddressFamily) -> IPAddress {
        switch (self, family) {
        case (.outside, .v4): "192.0.2.2"
        case (.outside, .v6): "2001:db8:2::2"
        case (.upstream, .v4): "198.51.100.2"
        case (.upstream, .v6): "2001:db8:51::2"
        case (.host, .v4): "192.0.2.1"
        case (.host, .v6): "2001:db8:2::1"
        case (.hostUpstream, .v4): "198.51.100.1"
        case (.hostUpstream, .v6): "2001:db8:51::1"
        }
    }
}

extension IPAddress: ExpressibleByStringLiteral {
    /// An address as a test writes it.
    init(stringLiteral text: String) {
        guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
        self = address
    }
}

extension IPPrefix: ExpressibleByStringLiteral {
    /// A prefix as a test writes it.
    init(stringLiteral text: String) {
        guard let prefix = IPPrefix(text) else { preconditionFailure("\(text) is no prefix") }
        self = prefix
    }
}

extension NetworkNamespace {
    /// Sets a value of this namespace.
    borrowing func write(_ setting: Sysctl, _ value: String) throws {
        try run { Result { try setting.write(value) } }.get()
    }
}
