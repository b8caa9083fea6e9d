// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// A cluster whose nodes get all that they know from a manifest.
final class ManifestCluster {
    let cluster: OverlayCluster
    private let manifest: Manifest
    private let files: TemporaryDirectory
    private let certificates: Certificates

    /// - Parameter network: What stands in the ConfigMap instead of what the manifest says.
    init(_ count: Int, network: String? = nil) throws {
        manifest = try Manifest(ofPackage: "swift-cni.yaml")
        files = try TemporaryDirectory()
        certificates = try Certificates(serverAddress: OverlayCluster.serverAddress)
        var options = KubernetesServer.Options()
        options.certificate = (certificates.certificate("server"), certificates.key("server"))
        options.tokens = ["first"]
        var data = try manifest.only("ConfigMap").requiredMember("data").object()
        if let network { data["net-conf.json"] = .string(network) }
        cluster = try OverlayCluster(
            count,
            network: data["net-conf.json"]?.string ?? "",
            store: .kubernetes,
            kubernetesOptions: options
        )
        try cluster.api.apply(manifest)
        let map = try manifest.only("ConfigMap").requiredMember("metadata").requiredMember("name").string()
        for directory in ["account", "maps/\(map)"] { try Directory.create(files.appending(directory), mode: 0o755) }
        for member in data.members {
            try File.replace(
                files.appending("maps/\(map)/\(member.key)"),
                with: Array((member.value.string ?? "").utf8)
            )
        }
        try File.replace(files.appending("account/token"), with: Array("first".utf8))
        try File.replace(
            files.appending("account/ca.crt"),
            with: File.contents(of: certificates.certificate("authority"))
        )
        for node in cluster.nodes { node.plugins = PodContainer.path(onNode: "/opt/cni/bin") }
    }

    /// The network list that the ConfigMap holds.
    func listOfManifest() throws -> String {
        try manifest.only("ConfigMap").requiredMember("data").requiredMember("cni-conf.json").string()
    }

    /// The pod of a manifest's DaemonSet.
    func pod(_ manifest: Manifest? = nil) throws -> JSONNode {
        try (manifest ?? self.manifest).only("DaemonSet").requiredMember("spec").requiredMember("template")
            .requiredMember("spec")
    }

    /// A container of the pod.
    func container(
        _ name: String,
        on node: OverlayNode,
        of other: Manifest? = nil,
        capabilities: [String]? = nil
    ) throws -> PodContainer {
        let pod = try pod(other)
        let all = try pod.requiredMember("initContainers").elements() + pod.requiredMember("containers").elements()
        return try PodContainer(
            try #require(all.first { $0["name"]?.value == .string(name) }),
            of: pod,
            PodContainer.Surroundings(
                account: files.appending("account"),
                configurations: files.appending("maps"),
                node: "node\(node.number)"
            ),
            capabilities: capabilities
        )
    }

    /// Does what a kubelet does when the pod comes: one by one the containers that end, then the one that stays.
    func start(_ node: OverlayNode, of other: Manifest? = nil) throws {
        for container in try pod(other).requiredMember("initContainers").elements() {
            let name = try container.requiredMember("name").string()
            let outcome = try Command.outcome(
                node.host.entering(self.container(name, on: node, of: other).starting())
            )
            guard outcome.termination == .exited(0) else {
                throw TestFailure("\(name): \(String(decoding: outcome.standardError, as: UTF8.self))")
            }
        }
        try node.launch(container("kube-flannel", on: node, of: other).starting())
    }

    /// What a probe of the daemon's container gets, asked by the node itself as a kubelet does.
    func ask(_ probe: String, on node: OverlayNode) throws -> ChildProcess.Outcome.Termination {
        let container = try pod().requiredMember("containers").elements()[0]
        let question = try container.requiredMember(probe).requiredMember("httpGet")
        let (host, path) = (try question.requiredMember("host").string(), try question.requiredMember("path").string())
        let port = try question.requiredMember("port").integer()
        return try node.host.outcome("/usr/bin/python3", "-c", Self.question, "http://\(host):\(port)\(path)")
            .termination
    }

    private static var question: String {
        "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5).read()"
    }
}
