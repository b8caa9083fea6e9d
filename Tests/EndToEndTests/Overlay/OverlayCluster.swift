// swift-cni, SPDX-License-Identifier: Apache-2.0

import EtcdTesting
import IPAddresses
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// Where the nodes of a cluster keep their leases.
enum OverlayStore: String, Sendable, CustomTestStringConvertible {
    /// A directory that all nodes share.
    case directory
    /// An etcd that the nodes reach over the segments.
    case etcd
    /// A scripted API server that the nodes reach over the segments.
    case kubernetes

    var testDescription: String { rawValue }
}

/// Machines on Ethernet segments that a router joins, all with flanneld and one store.
final class OverlayCluster: @unchecked Sendable {
    /// The machine that holds the segments, and routes between them.
    let segments: IsolatedHost
    let nodes: [OverlayNode]
    private let directory: TemporaryDirectory
    private let server: EtcdServer?
    private let kubernetes: KubernetesServer?

    /// The directory that all nodes share.
    var shared: String { directory.appending("shared") }

    /// The etcd that all nodes use.
    var etcd: EtcdServer {
        get throws {
            guard let server else { throw TestFailure("this cluster's store is not etcd") }
            return server
        }
    }

    /// The API that all nodes use.
    var api: KubernetesServer {
        get throws {
            guard let kubernetes else { throw TestFailure("this cluster's store is not Kubernetes") }
            return kubernetes
        }
    }

    /// The network's configuration, as all nodes read it.
    var configurationFile: String { "\(shared)/config.json" }

    /// The address of the store's server: that of the router, which all segments reach.
    static var serverAddress: String { "192.0.1.254" }

    /// - Parameters:
    ///   - network: The network's configuration.
    ///   - options: What etcd is started with, where it is the store.
    ///   - kubernetesOptions: What the API server is started with, where it is the store.
    ///   - segmentOf: The segment that a node is on, by its number.
    init(
        _ count: Int,
        network: String,
        store: OverlayStore = .directory,
        options: EtcdServer.Options = EtcdServer.Options(),
        kubernetesOptions: KubernetesServer.Options = KubernetesServer.Options(),
        flags: [String] = [],
        segmentOf: (Int) -> Int = { _ in 1 }
    ) throws {
        let directory = try TemporaryDirectory()
        let segments = try IsolatedHost()
        try Directory.create(directory.appending("shared"), mode: 0o755)
        try File.replace(directory.appending("shared/config.json"), with: Array(network.utf8), mode: 0o644)
        try segments.shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        var options = options
        options.address = Self.serverAddress
        options.wrapper = ["/usr/bin/nsenter", "--target", "\(segments.process)", "--net", "--"]
        let storeFlags =
            switch store {
            case .directory: ["--store", "file://\(directory.appending("shared"))"]
            case .etcd: ["--etcd-endpoints", "\(options.scheme)://\(options.address):2379"]
            case .kubernetes: ["--kube-subnet-mgr", "--net-config-path", directory.appending("shared/config.json")]
            }
        var nodes: [OverlayNode] = []
        for number in 1...count {
            let segment = segmentOf(number)
            let host = try IsolatedHost()
            try segments.shell(
                """
                [ -e /sys/class/net/s\(segment) ] || ip link show s\(segment) >/dev/null 2>&1 || {
                    ip link add s\(segment) type bridge
                    ip address add 192.0.\(segment).254/24 dev s\(segment)
                    ip address add 2001:db8:\(segment)::fe/64 dev s\(segment) nodad
                    ip link set s\(segment) up
                }
                """
            )
            try segments.connect("n\(number)", to: host, as: "eth0")
            try segments.run("ip", "link", "set", "n\(number)", "master", "s\(segment)", "up")
            try Self.bringUplinkUp(host, number, segment)
            nodes.append(
                OverlayNode(
                    number,
                    host,
                    log: directory.appending("log\(number)"),
                    flags: storeFlags + flags
                )
            )
        }
        if store == .etcd {
            let server = try EtcdServer.started(options)
            try server.control("put", "/coreos.com/network/config", network)
            self.server = server
        } else {
            server = nil
        }
        kubernetes = store == .kubernetes ? try Self.startKubernetes(segments, kubernetesOptions) : nil
        if let kubernetes {
            for node in nodes {
                kubernetes.put(Self.document(node.number, segmentOf(node.number)))
                node.environment = ["NODE_NAME=node\(node.number)"]
                if kubernetesOptions.certificate == nil { node.flags += ["--kube-api-url", kubernetes.url] }
            }
        }
        self.directory = directory
        self.segments = segments
        self.nodes = nodes
    }

    /// Gives a node's uplink its addresses and default routes, as after a boot.
    static func bringUplinkUp(_ host: IsolatedHost, _ number: Int, _ segment: Int = 1) throws {
        try host.shell(
            """
            ip address replace 192.0.\(segment).\(number)/24 dev eth0
            ip address replace 2001:db8:\(segment)::\(number)/64 dev eth0 nodad
            ip link set eth0 up
            ip route replace default via 192.0.\(segment).254
            ip -6 route replace default via 2001:db8:\(segment)::fe
            """
        )
    }

    /// Starts flanneld on all nodes and waits until each reaches all others.
    func start(_ families: [AddressFamily] = AddressFamily.allCases) throws {
        for node in nodes { try node.start() }
        try waitUntilMeshed(families)
    }

    /// Waits until each node is ready and has a route to each other.
    func waitUntilMeshed(_ families: [AddressFamily] = AddressFamily.allCases) throws {
        for node in nodes {
            try node.wait("being ready") { node.isReady }
            for family in families {
                try node.wait("a route to each other node, \(family)") {
                    try node.routeCount(family) == nodes.count - 1
                }
            }
        }
    }

    /// Attaches a container on each node and returns the addresses.
    func attachContainers() throws -> [PerFamilyAddresses] { try nodes.map { try $0.attach("c\($0.number)") } }

    /// Expects that each container reaches each other one.
    func expectMesh(_ addresses: [PerFamilyAddresses], sourceLocation: SourceLocation = #_sourceLocation) throws {
        for node in nodes {
            for (index, other) in addresses.enumerated() where index + 1 != node.number {
                for address in other.all {
                    #expect(
                        try node.reaches(address, from: "c\(node.number)"),
                        "node \(node.number) to \(address)",
                        sourceLocation: sourceLocation
                    )
                }
            }
        }
    }
}
