// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

/// A containerd of a machine's own, asked as a kubelet asks: all its files are in the machine's directories, and all its
/// processes end with the machine.
final class Containerd: @unchecked Sendable {
    /// A running pod.
    struct Pod: Sendable {
        let id: String
        let container: String
        let addresses: [String]
    }

    /// What pods are made of, as the configuration has it, too.
    static var image: String { "localhost/busybox:test" }

    /// Where the network lists are looked for, as the configuration says.
    static var lists: String { "/run/cni/net.d" }

    private static var log: String { "/run/containerd.log" }

    let host: IsolatedHost
    /// What all pods are in.
    let group: ControlGroup
    private var process: ChildProcess?

    /// Starts containerd and gives it the image; without a network list its network is not ready.
    ///
    /// - Parameter plugins: Where the machine's plugins are.
    init(on host: IsolatedHost, plugins: String = BuiltProducts.directory) throws {
        self.host = host
        group = ControlGroup(of: host)
        let configuration = String(decoding: try File.contents(of: Self.file("containerd.toml")), as: UTF8.self)
        let configured = configuration.replacing("PLUGINS", with: plugins)
        try File.create(host.path("/run/containerd.toml"), with: Array(configured.utf8))
        try start()
        let archive = host.path("/run/image.tar")
        try Self.makeImage(archive)
        try load(archive, Self.image)
    }

    /// Writes the archive of the image.
    static func makeImage(_ archive: String) throws {
        try Command.run("/usr/bin/python3", file("make-image.py"), "/bin/busybox", image, archive)
    }

    /// Gives containerd another image.
    func load(_ archive: String, _ name: String) throws {
        try Command.run("ctr", "-a", socket, "-n", "k8s.io", "image", "import", archive)
        try ask("await_image", name)
    }

    /// Starts containerd; the pods of an earlier one are found again.
    func start() throws {
        let words = host.entering([
            "/bin/sh", "-c",
            "containerd --config /run/containerd.toml 2>> \(Self.log) & echo $! > /run/cri.pid; wait $!",
        ])
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        process = try ChildProcess.start(words[0], arguments: Array(words.dropFirst()), environment: environment)
        let deadline = Deadline.after(.seconds(20))
        while access(socket, F_OK) != 0 {
            guard deadline.remainingNanoseconds > 0 else { throw TestFailure("containerd does not start: \(logged)") }
            usleep(20_000)
        }
    }

    /// Kills containerd; its pods go on.
    func kill() throws {
        try host.shell("kill -KILL $(cat /run/cri.pid)")
        if var child = process.take() { _ = try child.wait() }
        try host.shell("rm -f /run/containerd.sock*")
    }

    /// Why containerd or its network is not ready, by condition; empty when both are.
    func obstacles() throws -> [String: String] {
        var obstacles: [String: String] = [:]
        for member in try ask("status").object().members { obstacles[member.key] = member.value.string }
        return obstacles
    }

    /// Runs pods, all at once, each with one container.
    ///
    /// - Parameter names: "name" or "name=port": the pod's server answers at this port of the node.
    func run(_ names: [String]) throws -> [Pod] {
        try ask(["run", Self.image, group.path] + names).elements().map { try Pod($0) }
    }

    /// Runs a command in a pod's container and returns what it wrote.
    func execute(_ words: [String], in pod: Pod) throws -> String {
        try ask(["execute", pod.container] + words).requiredMember("output").string()
    }

    /// Stops pods, all at once.
    func stop(_ pods: [Pod]) throws { _ = try ask(["stop"] + pods.map(\.id)) }

    /// Removes pods, all at once; those that run are stopped first.
    func remove(_ pods: [Pod]) throws { _ = try ask(["remove"] + pods.map(\.id)) }

    /// Asks for one thing, and returns the answer.
    @discardableResult
    func ask(_ words: String...) throws -> JSONNode { try ask(words) }

    /// Asks for one thing, and returns the answer.
    func ask(_ words: [String]) throws -> JSONNode {
        var question = try begin(words)
        return try question.answer()
    }

    /// Begins to ask for something that takes its time.
    func begin(_ words: [String]) throws -> Question {
        let words = [Self.file("cri-client.py"), socket] + words
        return Question(
            process: try ChildProcess.start("/usr/bin/python3", arguments: words, environment: ["LC_ALL=C.UTF-8"])
        )
    }

    /// Something that was asked.
    struct Question: ~Copyable {
        fileprivate var process: ChildProcess

        /// Waits for the answer.
        mutating func answer() throws -> JSONNode {
            let outcome = try process.wait()
            guard outcome.termination == .exited(0) else {
                throw TestFailure(String(decoding: outcome.standardError, as: UTF8.self))
            }
            return JSONNode(try JSONValue(parsing: outcome.standardOutput))
        }
    }

    /// The end of what containerd has logged.
    var logged: String {
        String(decoding: ((try? File.contents(of: host.path(Self.log))) ?? []).suffix(3000), as: UTF8.self)
    }

    private var socket: String { host.path("/run/containerd.sock") }

    private static func file(_ name: String) -> String {
        "\(BuiltProducts.packageRoot)/Tests/Support/container-runtime/\(name)"
    }
}

extension Containerd.Pod {
    /// Reads the answer to the wish for a pod.
    init(_ answer: JSONNode) throws {
        id = try answer.requiredMember("pod").string()
        container = try answer.requiredMember("container").string()
        addresses = try answer.requiredMember("addresses").strings()
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs only where Debian's containerd, runc and what asks it are installed; in CI they must be.
    static var requiresContainerd: Self {
        .enabled("apt-get install busybox-static containerd python3-grpcio runc first") {
            if BuiltProducts.skipsAreErrors { return true }
            let programs = ["busybox", "containerd", "ctr", "python3", "runc"]
            guard programs.allSatisfy(BuiltProducts.isInstalled) else { return false }
            return try Command.outcome(["/usr/bin/python3", "-c", "import grpc"]).termination == .exited(0)
        }
    }
}
