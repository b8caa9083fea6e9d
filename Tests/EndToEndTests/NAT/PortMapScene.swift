// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem

/// A site with two networks: one with a container that publishes port 8080 and another container, one with a third.
struct PortMapScene {
    /// The published port.
    static var port: UInt16 { 8080 }
    /// The container's port.
    static var containerPort: UInt16 { 80 }

    let way: Combination
    let site: Site
    /// The network whose container publishes.
    let network: ContainerNetwork
    /// The other network.
    let otherNetwork: ContainerNetwork
    /// The container whose port is published.
    let published: Pod
    /// Another container on that network.
    let sibling: Pod
    /// A container on another network.
    let stranger: Pod
    /// What listens in the published container.
    let web: Service
    /// What listens on the same port of all others, and must never be reached by it.
    let decoys: [Service]

    /// Makes both networks and the three containers.
    ///
    /// - Parameters:
    ///   - keys: Keys of the first network's `portmap`.
    ///   - address: The `hostIP` of the published port.
    init(_ way: Combination, portmap keys: [(String, JSONValue)] = [], at address: IPAddress? = nil) throws {
        self.way = way
        site = try Site(bridgeFilter: way.bridgeFilter)
        network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap", keys)
        otherNetwork = ContainerNetwork.pods("two", subnet: 89, on: site.host).chaining("portmap")
        let port = way.port(Int(Self.port), to: Int(Self.containerPort), at: address)
        published = try site.host.pod("published", on: network, publishing: [port])
        sibling = try site.host.pod("sibling", on: network)
        stranger = try site.host.pod("stranger", on: otherNetwork)
        web = try way.service("web", port: Self.containerPort, in: published.container.namespace)
        decoys = [
            try way.service("the sibling", port: Self.containerPort, in: sibling.container.namespace),
            try way.service("the stranger", port: Self.containerPort, in: stranger.container.namespace),
            try way.service("the host", port: Self.port, in: site.host.namespace),
        ]
    }

    /// All who may call, other than the host itself.
    var callers: [TestContainer] {
        [site.outside, site.upstream, published.container, sibling.container, stranger.container]
    }

    /// The bridge's address on the published container's network.
    var gateway: IPAddress { way.family == .v4 ? "10.88.0.1" : "fd00:88::1" }
    /// The bridge's address on the other network.
    var otherGateway: IPAddress { way.family == .v4 ? "10.89.0.1" : "fd00:89::1" }

    /// The subnets of both networks.
    var subnets: [IPPrefix] {
        way.family == .v4 ? ["10.88.0.0/24", "10.89.0.0/24"] : ["fd00:88::/64", "fd00:89::/64"]
    }

    /// Calls the published port at an address.
    func call(
        _ address: IPAddress,
        from namespace: borrowing NetworkNamespace,
        or others: [Service] = [],
        within patience: Duration = .seconds(10)
    ) throws -> Contact? {
        try way.call(
            address,
            Self.port,
            from: namespace,
            among: [web] + decoys + others,
            within: patience
        )
    }
}
