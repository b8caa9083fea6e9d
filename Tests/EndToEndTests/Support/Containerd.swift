// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

/// A containerd of a test's own: its files in the test's directory, its processes in a PID namespace that ends with it,
/// its mounts in a namespace of their own, its pods on the test's host.
final class Containerd {
    /// A running pod.
    struct Pod {
        let id: String
        let container: String
        let addresses: [String]
    }

    private let host: TestHost
    private let cgroup: String
    private var process: ChildProcess?

    /// Starts containerd with one network, imports the image, and waits until the network is ready.
    static func start(on host: TestHost, list: [UInt8]) throws -> Containerd {
        let containerd = Containerd(host)
        for name in ["run", "lib", "net.d"] { try Directory.create(host.path(name), mode: 0o755) }
        try File.create(host.path("net.d/10-pods.conflist"), with: list)
        try File.create(host.path("containerd.toml"), with: Array(containerd.configuration.utf8))
        try File.create(host.path("start.sh"), with: Array(containerd.startScript.utf8))
        try containerd.startProcess()
        try Command.run(
            "/usr/bin/python3",
            BuiltProducts.script("make-image.py"),
            "/bin/busybox",
            image,
            host.path("image.tar")
        )
        try Command.run("ctr", "-a", containerd.socket, "-n", "k8s.io", "image", "import", host.path("image.tar"))
        for _ in 0..<100 {
            if try containerd.client("status").object().members.isEmpty { return containerd }
            usleep(100_000)
        }
        throw TestFailure("containerd is not ready: \(try containerd.client("status").value) \(containerd.log)")
    }

    private init(_ host: TestHost) {
        self.host = host
        cgroup = "swift-cni-test-\(getpid())"
    }

    deinit {
        // unshare --kill-child: with it die init of the PID namespace and all else in there, not quite at once.
        process = nil
        for _ in 0..<40 {
            if Self.removeCgroup(cgroup) { return }
            usleep(50_000)
        }
    }

    /// Where attachments are recorded beside the host's own state: reservations, results, and namespaces of pods.
    var stateOfNetworks: [String] { [host.path("lib/cni"), host.path("run/netns")] }

    /// Runs a pod with one container.
    func run(_ name: String) throws -> Pod {
        let answer = try client("run", name, Self.image, "/\(cgroup)")
        return Pod(
            id: try answer.requiredMember("pod").string(),
            container: try answer.requiredMember("container").string(),
            addresses: try answer.requiredMember("addresses").strings()
        )
    }

    /// Runs a command in a pod's container and returns what it wrote.
    func execute(_ words: [String], in pod: Pod) throws -> String {
        try client(["execute", pod.container] + words).requiredMember("output").string()
    }

    /// Stops and removes a pod.
    func remove(_ pod: Pod) throws { try client("remove", pod.id) }

    private static var image: String { "localhost/busybox:test" }

    private var socket: String { host.path("run/containerd.sock") }

    private var log: String {
        String(decoding: ((try? File.contents(of: host.path("containerd.log"))) ?? []).suffix(3000), as: UTF8.self)
    }

    @discardableResult
    private func client(_ words: String...) throws -> JSONNode { try client(words) }

    private func client(_ words: [String]) throws -> JSONNode {
        do {
            let answer = try Command.run(["/usr/bin/python3", BuiltProducts.script("cri-client.py"), socket] + words)
            return JSONNode(try JSONValue(parsing: Array(answer.utf8)))
        } catch { throw TestFailure("\(error); containerd: \(log)") }
    }

    private func startProcess() throws {
        let words = [
            "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", host.path("start.sh"),
        ]
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        process = try host.namespace.run {
            Result { try ChildProcess.start("/usr/bin/unshare", arguments: words, environment: environment) }
        }.get()
        for _ in 0..<100 {
            if access(socket, F_OK) == 0 { return }
            usleep(100_000)
        }
        throw TestFailure("containerd does not start: \(log)")
    }

    /// /run and /var/lib are the test's own, and with them the result cache, which cannot be configured.
    private var startScript: String {
        """
        set -e
        mount --bind \(host.path("run")) /run
        mount --bind \(host.path("lib")) /var/lib
        containerd --config \(host.path("containerd.toml")) 2> \(host.path("containerd.log")) &
        wait
        """
    }

    private var configuration: String {
        """
        version = 2
        root = "/var/lib/containerd"
        state = "/run/containerd"
        disabled_plugins = [
            "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
            "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
            "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
        ]
        [grpc]
        address = "/run/containerd.sock"
        [plugins."io.containerd.grpc.v1.cri"]
        sandbox_image = "\(Self.image)"
        restrict_oom_score_adj = true
        disable_apparmor = true
        stream_server_address = "127.0.0.1"
        [plugins."io.containerd.grpc.v1.cri".cni]
        bin_dir = "\(BuiltProducts.directory)"
        conf_dir = "\(host.path("net.d"))"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
        runtime_type = "io.containerd.runc.v2"
        """
    }

    /// Removes the pods' control groups from every hierarchy.
    ///
    /// - Returns: Whether none is left.
    private static func removeCgroup(_ name: String) -> Bool {
        let root = "/sys/fs/cgroup"
        let hierarchies = ((try? Directory.names(in: root)) ?? []).map { "\(root)/\($0)/\(name)" }
        let paths = (hierarchies + ["\(root)/\(name)"]).filter { Directory.exists($0) }
        for path in paths {
            for inner in (try? Directory.names(in: path)) ?? [] { rmdir("\(path)/\(inner)") }
            rmdir(path)
        }
        return paths.allSatisfy { !Directory.exists($0) }
    }
}

extension BuiltProducts {
    /// A script that stands in for a kubelet.
    fileprivate static func script(_ name: String) -> String {
        "\(packageRoot)/Tests/Support/container-runtime/\(name)"
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs only where Debian's Python has a module; in CI it must have it.
    static func requiresPythonModule(_ name: String) -> Self {
        .enabled("apt-get install python3-\(name == "grpc" ? "grpcio" : name) first") {
            let outcome = try Command.outcome(["/usr/bin/python3", "-c", "import \(name)"])
            return BuiltProducts.skipsAreErrors || outcome.termination == .exited(0)
        }
    }
}
