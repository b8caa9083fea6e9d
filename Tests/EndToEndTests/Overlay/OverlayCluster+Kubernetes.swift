// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import KubernetesTesting
import LinuxTesting
import Testing

extension OverlayCluster {
    /// What the annotations of flannel begin with.
    static let prefix = "flannel.alpha.coreos.com/"

    /// Starts an API server on the router.
    static func startKubernetes(
        _ segments: IsolatedHost,
        _ options: KubernetesServer.Options
    ) throws -> KubernetesServer {
        var options = options
        (options.address, options.port) = (serverAddress, 6443)
        options.namespace = "/proc/\(segments.process)/ns/net"
        return try KubernetesServer(options)
    }

    /// A node as its kubelet registers it, with the subnets that the cluster gives it.
    static func document(_ number: Int, _ segment: Int = 1, subnet: Int? = nil, uid: String? = nil) -> JSONValue {
        NodeDocument.make(
            "node\(number)",
            uid: uid,
            podCIDRs: ["10.244.\(subnet ?? number).0/24", "fd00:10:244:\(subnet ?? number)::/64"],
            addresses: ["192.0.\(segment).\(number)", "2001:db8:\(segment)::\(number)"],
            images: 50
        )
    }

    /// The subnets that the cluster gives a node.
    static func subnets(_ number: Int) throws -> [AddressFamily: IPPrefix] {
        [
            .v4: try #require(IPPrefix("10.244.\(number).0/24")),
            .v6: try #require(IPPrefix("fd00:10:244:\(number)::/64")),
        ]
    }

    /// An annotation of flannel's, as a change of a node: nil removes it.
    static func annotation(_ name: String, _ value: String?) -> JSONValue {
        ["metadata": ["annotations": [prefix + name: value.map { .string($0) } ?? .null]]]
    }

    /// A condition, as a change of a node: the network is not there.
    static let unavailable: JSONValue = [
        "status": ["conditions": [["type": "NetworkUnavailable", "status": "True", "reason": "NoRouteCreated"]]]
    ]

    /// The value of an annotation of flannel's.
    func annotation(_ name: String, of number: Int) throws -> String? {
        try api.annotation(Self.prefix + name, of: "node\(number)")
    }

    /// All annotations of a node.
    func annotations(of number: Int) throws -> JSONValue? {
        try api.node("node\(number)")?.requiredMember("metadata").requiredMember("annotations").value
    }

    /// Whether the cluster has been told that a node's network is there.
    func isAvailable(_ number: Int) throws -> Bool {
        try api.networkUnavailable(of: "node\(number)")?.object?["status"] == "False"
    }

    /// Expects that no daemon has asked for anything that it should not ask for.
    func expectGoodManners(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let violations = try api.violations
        #expect(violations == [], sourceLocation: sourceLocation)
    }

    /// The leases that the nodes' annotations are.
    func leasesInKubernetes() throws -> [HeldSubnet] {
        try nodes.compactMap { node in
            guard try annotation("kube-subnet-manager", of: node.number) == "true",
                let document = try api.node("node\(node.number)")
            else { return nil }
            let subnets = try document.requiredMember("spec").requiredMember("podCIDRs").strings()
            return HeldSubnet(
                key: subnets.map { $0.replacing("/", with: "-") }.joined(separator: "&"),
                holder: try document.requiredMember("metadata").requiredMember("uid").string()
            )
        }
    }
}
