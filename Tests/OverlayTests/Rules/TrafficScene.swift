// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import Testing

/// A node with a container, another node's container behind a tunnel, and the world behind the uplink, which knows the way to
/// containers, so that it sees addresses that should have been translated.
final class TrafficScene {
    /// Where packets come from and go to.
    enum Place: String, CaseIterable, Sendable {
        /// The node itself, by its address on the uplink.
        case node
        /// A container on the node.
        case container
        /// A container on another node.
        case remoteContainer
        /// A host that is no node.
        case world
        /// A host behind the world's, for packets that have nothing to do with the network.
        case stranger
    }

    let host: RuleHost
    private let container: NetworkNamespace
    private let remote: NetworkNamespace
    private let world: NetworkNamespace

    init(grantsForwarding: Bool = true) throws {
        host = try RuleHost(grantsForwarding: grantsForwarding)
        container = try .temporary()
        remote = try .temporary()
        world = try .temporary()
        for path in [host.namespace.path, container.path, remote.path, world.path] {
            try NetworkNamespace.open(path).run {
                Result {
                    try Sysctl.ipv6("default", "accept_dad").write("0")
                    try Sysctl.ipv4Forwarding.write("1")
                    try Sysctl.ipv6Forwarding.write("1")
                    try Command.run("ip", "link", "set", "lo", "up")
                }
            }.get()
        }
        try connect("c0", to: container, "10.244.1.1/24", "10.244.1.2/24", "fd00:244:0:1::1/64", "fd00:244:0:1::2/64")
        try connect(
            "flannel.1",
            to: remote,
            "10.244.1.0/32",
            "10.244.2.2/24",
            "fd00:244:0:1::/128",
            "fd00:244:0:2::2/64"
        )
        try connect("eth0", to: world, "192.0.2.1/24", "192.0.2.9/24", "2001:db8::1/64", "2001:db8::9/64")
        try host.script("ip route add 10.244.2.0/24 dev flannel.1; ip route add fd00:244:0:2::/64 dev flannel.1")
        try host.script("ip route add 198.51.100.0/24 dev c0; ip route add 2001:db8:1::/64 dev c0")
        try run(container, "ip addr add 198.51.100.2/32 dev eth0; ip addr add 2001:db8:1::2/128 dev eth0 nodad")
        try run(container, "ip route add default via 10.244.1.1; ip route add default via fd00:244:0:1::1")
        try run(
            remote,
            "ip route add default via 10.244.1.0 dev eth0 onlink; ip route add default via fd00:244:0:1:: dev eth0 onlink"
        )
        try run(world, "ip route add default via 192.0.2.1; ip route add default via 2001:db8::1")
    }

    private func connect(
        _ name: String,
        to other: borrowing NetworkNamespace,
        _ v4: String,
        _ otherV4: String,
        _ v6: String,
        _ otherV6: String
    ) throws {
        try host.script(
            """
            ip link add \(name) type veth peer name eth0 netns \(other.path); ip link set \(name) up
            ip addr add \(v4) dev \(name); ip addr add \(v6) dev \(name) nodad
            """
        )
        try run(other, "ip link set eth0 up; ip addr add \(otherV4) dev eth0; ip addr add \(otherV6) dev eth0 nodad")
    }

    private func run(_ namespace: borrowing NetworkNamespace, _ script: String) throws {
        try Command.run("sh", "-ec", script, in: namespace)
    }

    /// An address by which packets get to a place.
    static func address(_ place: Place, _ family: AddressFamily) throws -> IPAddress {
        let (v4, v6) =
            switch place {
            case .node: ("192.0.2.1", "2001:db8::1")
            case .container: ("10.244.1.2", "fd00:244:0:1::2")
            case .remoteContainer: ("10.244.2.2", "fd00:244:0:2::2")
            case .world: ("192.0.2.9", "2001:db8::9")
            case .stranger: ("198.51.100.2", "2001:db8:1::2")
            }
        return try Fleet.address(family == .v4 ? v4 : v6)
    }

    /// The node's address on the tunnel.
    static func tunnelAddress(_ family: AddressFamily) throws -> IPAddress {
        try Fleet.subnet(1, family).first
    }

    /// The node's address as the gateway of its containers.
    static func gateway(_ family: AddressFamily) throws -> IPAddress {
        try Fleet.address(family == .v4 ? "10.244.1.1" : "fd00:244:0:1::1")
    }

    /// A socket at a place.
    func socket(at place: Place, _ family: AddressFamily, from source: IPAddress? = nil) throws
        -> Datagrams
    {
        switch place {
        case .node: try Datagrams(family, source, in: host.namespace)
        case .container, .stranger: try Datagrams(family, source, in: container)
        case .remoteContainer: try Datagrams(family, source, in: remote)
        case .world: try Datagrams(family, source, in: world)
        }
    }

    /// Lends the world's namespace.
    func withWorld<Value>(_ body: (borrowing NetworkNamespace) throws -> Value) throws -> Value { try body(world) }

    /// Lends the container's namespace.
    func withContainer<Value>(_ body: (borrowing NetworkNamespace) throws -> Value) throws -> Value {
        try body(container)
    }

    /// The source that a first packet of a connection arrives with; nil when it does not arrive.
    func source(
        from origin: Place,
        to target: Place,
        _ family: AddressFamily,
        within seconds: Int = 5
    ) throws -> IPAddress? {
        let receiver = try socket(at: target, family)
        let sender = try socket(at: origin, family, from: try Self.address(origin, family))
        try sender.send(to: try Self.address(target, family), receiver.port)
        return try receiver.receive(within: seconds)
    }
}
