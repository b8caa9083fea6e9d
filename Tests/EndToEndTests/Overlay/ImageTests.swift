// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// The image archive in Debian's containerd, run as the manifest says.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "loopback", "cnitool"),
    .requiresContainerd,
    .requiresReference,
    .requiresImage,
    .serialized
)
struct ImageTests {
    private static let plugins = PodContainer.path(onNode: "/opt/cni/bin")

    @Test func `the image installs plugins while containers are attached, and carries a node's network`() throws {
        let all = try ManifestCluster(2)
        let (node, peer) = (all.cluster.nodes[0], all.cluster.nodes[1])
        try node.host.shell("mkdir -p \(Self.plugins); cp \(BuiltProducts.reference)/* \(Self.plugins)")
        let runtime = try Containerd(on: node.host, plugins: Self.plugins)
        let install = try all.container("install-cni", on: node)
        let cleanup = try Manifest(ofPackage: "swift-cni-cleanup.yaml")
        let uninstall = try all.container("uninstall-cni", on: node, of: cleanup)
        try runtime.load(BuiltProducts.image, install.image)

        // The reference's plugins and ours, by turns, and none is missed when it is replaced.
        let load = try AttachmentLoad(on: node.host, plugins: Self.plugins)
        for round in 1...3 {
            try runtime.runToEnd(install, "install-\(round)")
            for name in ["bridge", "flannel", "host-local", "loopback", "portmap"] {
                try node.host.run("cmp", "\(Self.plugins)/\(name)", "\(BuiltProducts.directory)/\(name)")
            }
            guard round < 3 else { continue }
            try runtime.runToEnd(uninstall, "uninstall-\(round)")
            try node.host.run("cmp", "\(Self.plugins)/bridge", "\(BuiltProducts.reference)/bridge")
        }
        let outcome = try load.end()
        #expect(outcome.failures == "")
        #expect(outcome.attachments > 100)

        let daemon = try runtime.runOnNode(all.container("kube-flannel", on: node), "flanneld")
        try all.start(peer)
        try all.cluster.waitUntilMeshed([.v4])
        let process = try node.host.run("pgrep", "-x", "flanneld").split(separator: "\n").joined()
        let status = try node.host.run("cat", "/proc/\(process)/status")
        for line in ["CapPrm:\t0000000000001000", "CapBnd:\t0000000000001000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            #expect(status.contains("\n\(line)\n"), "\(status)")
        }
        let address = try #require(try peer.attach("c2").v4).description
        let pod = try runtime.run(["pod"])[0]
        #expect(try runtime.unreachable([address], from: pod) == "")

        // The end of the container is no end of the network.
        try runtime.remove([daemon])
        #expect(try runtime.unreachable([address], from: pod) == "")
        try runtime.remove([pod])
        try all.cluster.expectGoodManners()
    }
}

/// Containers that come and go as fast as they can, on a bridge that has nothing to do with the overlay.
private struct AttachmentLoad: ~Copyable {
    private let host: IsolatedHost
    private var process: ChildProcess

    init(on host: IsolatedHost, plugins: String) throws {
        self.host = host
        let list = """
            {"cniVersion":"1.0.0","name":"load","plugins":[{"type":"bridge","bridge":"load0","isGateway":true,
            "ipam":{"type":"host-local","subnet":"10.99.0.0/24"}}]}
            """
        let script = """
            mkdir -p /run/load.d
            echo '\(list)' > /run/load.d/load.conflist
            export CNI_PATH=\(plugins) NETCONFPATH=/run/load.d
            ip netns add load
            while [ ! -e /run/load.end ]; do
                for verb in add del; do
                    \(BuiltProducts.directory)/cnitool $verb load /run/netns/load 2>&1 >/dev/null || echo "$verb failed"
                done >> /run/load.failures
                echo >> /run/load.rounds
            done
            """
        let words = host.entering(["/bin/sh", "-c", script])
        process = try ChildProcess.start(
            words[0],
            arguments: Array(words.dropFirst()),
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        )
    }

    /// Ends it, and returns what went wrong and how many containers there were.
    consuming func end() throws -> (failures: String, attachments: Int) {
        try host.run("touch", "/run/load.end")
        _ = try process.wait()
        let rounds = try File.contents(of: host.path("/run/load.rounds")).count
        return (try host.run("cat", "/run/load.failures"), rounds)
    }
}

extension Containerd {
    /// Runs a container of the manifest on the node's own network.
    fileprivate func runOnNode(_ container: PodContainer, _ name: String) throws -> Pod {
        for mount in container.mounts where mount.hasPrefix("rw:") {
            try host.run("mkdir", "-p", String(mount.split(separator: ":")[1]))
        }
        let document: JSONValue = [
            "image": .string(container.image), "command": .strings(container.words),
            "environment": .strings(container.environment), "capabilities": .strings(container.capabilities),
            "mounts": .strings(container.mounts),
        ]
        return try Pod(ask("run_on_node", group.path, name, String(decoding: document.text(), as: UTF8.self)))
    }

    /// Runs a container of the manifest that ends, and well, and removes it.
    fileprivate func runToEnd(_ container: PodContainer, _ name: String) throws {
        let pod = try runOnNode(container, name)
        let status = try ask("await_end", pod.container).value
        guard status == .integer(0) else {
            throw TestFailure("\(name): \(status) \(try host.run("cat", "/run/logs/\(name).log"))")
        }
        try remove([pod])
    }
}

extension BuiltProducts {
    /// What `scripts/image` makes.
    fileprivate static var image: String { "\(packageRoot)/.build/swift-cni-image.tar" }
}

extension Trait where Self == ConditionTrait {
    /// Runs only where the image archive has been made; in CI it must have been.
    fileprivate static var requiresImage: Self {
        .enabled("run scripts/image first") {
            BuiltProducts.skipsAreErrors || File.isRegular(BuiltProducts.image)
        }
    }
}
