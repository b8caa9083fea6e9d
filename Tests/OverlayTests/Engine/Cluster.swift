// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

/// A node of a ``Cluster``: a namespace with an uplink, and another one for a container on it.
final class Node {
    let number: Int
    let namespace: NetworkNamespace
    let container: NetworkNamespace
    let uplink: LinkIndex
    var lease: Lease

    init(_ number: Int, _ type: BackendType, on segment: borrowing NetworkNamespace, _ bridge: LinkIndex) throws {
        self.number = number
        let namespace = try NetworkNamespace.temporary()
        let container = try NetworkNamespace.temporary()
        lease = try Fleet.lease(number, type)
        // A real node's link-local addresses are past the search for duplicates; without one it asks for no neighbour.
        for path in [namespace.path, container.path] {
            try NetworkNamespace.open(path).run {
                Result { try Sysctl.ipv6("default", "accept_dad").write("0") }
            }.get()
        }
        let indices = try RouteSocket.open(in: segment).addVeth(
            VethPair(
                name: "node\(number)",
                masterIndex: bridge,
                isUp: true,
                peerName: "eth0",
                peerNamespace: namespace.rawDescriptor
            )
        )
        uplink = try #require(indices.peer)
        let host = try RouteSocket.open(in: namespace)
        for (family, length) in [(AddressFamily.v4, 24), (.v6, 64)] {
            let address = try #require(IPPrefix(try Fleet.node(number, family), length: length))
            try host.addAddress(LinkAddress(prefix: address, flags: [.noDAD]), to: uplink)
        }
        try host.bringUp(uplink)
        try host.bringUp(try #require(try host.link(named: "lo")).index)
        try namespace.run {
            Result {
                try Sysctl.ipv4Forwarding.write("1")
                try Sysctl.ipv6Forwarding.write("1")
            }
        }.get()
        // What the bridge plugin does, without the bridge.
        let pair = try host.addVeth(
            VethPair(name: "c0", isUp: true, peerName: "eth0", peerNamespace: container.rawDescriptor)
        )
        let inside = try RouteSocket.open(in: container)
        let eth0 = try #require(pair.peer)
        for family in AddressFamily.allCases {
            let subnet = try Fleet.subnet(number, family)
            let gateway = try #require(subnet.first.next)
            let address = try Node.containerAddress(number, family)
            try host.addAddress(
                LinkAddress(prefix: try #require(IPPrefix(gateway, length: subnet.length)), flags: [.noDAD]),
                to: pair.host
            )
            try inside.addAddress(
                LinkAddress(prefix: try #require(IPPrefix(address, length: subnet.length)), flags: [.noDAD]),
                to: eth0
            )
            if family == .v4 { try inside.bringUp(eth0) }
            try inside.addRoute(Route(destination: .everything(family), gateway: gateway, interface: eth0))
        }
        self.namespace = namespace
        self.container = container
    }

    static func containerAddress(_ number: Int, _ family: AddressFamily) throws -> IPAddress {
        try #require(try Fleet.subnet(number, family).first.next?.next)
    }

    /// Runs the reconciler once with the leases of some nodes.
    @discardableResult
    func reconcile(
        _ peers: [Node],
        _ backend: NetworkConfiguration.Backend,
        adopting: Bool = false
    ) throws -> ReconciliationReport {
        let desired = try desired(peers, backend)
        return try namespace.run {
            Result {
                var reconciler = try Reconciler.open()
                return try reconciler.run(desired, adopting: adopting)
            }
        }.get()
    }

    func desired(_ peers: [Node], _ backend: NetworkConfiguration.Backend) throws -> DesiredState {
        DesiredState(
            own: lease,
            peers: peers.map(\.lease),
            uplink: try Fleet.uplink(number, index: uplink),
            configuration: try Fleet.configuration(backend)
        )
    }

    /// Whether this node's container reaches another's.
    func reaches(_ other: Node, _ family: AddressFamily) throws -> Bool {
        let address = try Node.containerAddress(other.number, family)
        return try container.run {
            Result { try Command.outcome(["ping", "-n", "-c", "1", "-W", "2", "\(address)"]) }
        }.get().termination == .exited(0)
    }

    /// What the witnesses say of everything that the reconciler may touch, without numbers that change by themselves.
    func state() throws -> [String] {
        var lines: [String] = []
        func add(_ words: String...) throws {
            let text = try namespace.run { Result { try Command.run(words) } }.get()
            lines += text.split(separator: "\n").map { line in
                // The kernel lists addresses in the order in which they came.
                line.split(separator: " ").sorted().joined(separator: " ")
            }.sorted()
        }
        try add("ip", "-4", "route", "show")
        try add("ip", "-6", "route", "show")
        for name in ["flannel.1", "flannel-v6.1"] where try RouteSocket.open(in: namespace).link(named: name) != nil {
            try add("ip", "-br", "link", "show", "dev", name)
            try add("ip", "-br", "address", "show", "dev", name)
            try add("ip", "neighbour", "show", "dev", name, "nud", "permanent")
            try add("bridge", "fdb", "show", "dev", name)
        }
        return lines
    }

    /// Runs `ip`, `bridge` and the like on the node.
    @discardableResult
    func command(_ words: String...) throws -> String {
        try namespace.run { Result { try Command.run(words) } }.get()
    }
}

/// Nodes on one Ethernet segment.
final class Cluster {
    let segment: NetworkNamespace
    let nodes: [Node]

    /// - Parameter types: What each node publishes as its backend.
    init(_ types: [BackendType]) throws {
        let segment = try NetworkNamespace.temporary()
        let bridge = try RouteSocket.open(in: segment).addBridge(BridgeOptions(name: "segment"))
        nodes = try types.enumerated().map { offset, type in try Node(offset + 1, type, on: segment, bridge) }
        self.segment = segment
    }

    /// Runs each node's reconciler once.
    func reconcile(_ backend: NetworkConfiguration.Backend) throws {
        for node in nodes {
            let report = try node.reconcile(nodes, backend)
            #expect(report.failures.isEmpty)
            #expect(report.isComplete)
        }
    }
}
