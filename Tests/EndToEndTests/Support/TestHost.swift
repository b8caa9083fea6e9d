// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import JSON
import LinuxSystem
import LinuxTesting

/// A machine that containers are attached to: a network namespace and a directory for state, both gone with the value.
///
/// All members are constants and the namespace is only a descriptor, so threads may share a host.
final class TestHost: @unchecked Sendable {
    /// The host's network namespace; loopback is up.
    let namespace: NetworkNamespace
    /// Where plugins are looked for, `CNI_PATH`.
    let pluginPath: [String]
    private let directory: TemporaryDirectory

    /// Makes a host that executes the plugins of some directories.
    init(pluginPath: [String] = [BuiltProducts.directory]) throws {
        namespace = try .temporary()
        directory = try TemporaryDirectory()
        self.pluginPath = pluginPath
        try Directory.create(dataDirectory, mode: 0o755)
        try Command.run("ip", "link", "set", "lo", "up", in: namespace)
    }

    /// host-local's `dataDir`.
    var dataDirectory: String { directory.appending("networks") }

    /// A path of the host's own, for whatever a test needs.
    func path(_ name: String) -> String { directory.appending(name) }

    /// Runs a program in the host's namespace and returns its standard output.
    @discardableResult
    func run(_ words: String...) throws -> String { try namespace.run { Result { try Command.run(words) } }.get() }

    /// Runs one invocation on the host.
    func outcome(of request: PluginRequest) throws -> PluginProcess.Outcome {
        let process = process(for: request)
        return try namespace.run { Result { try process.run() } }.get()
    }

    /// Runs one invocation on the host and holds its answer to the rules.
    func answer(to request: PluginRequest) throws -> Answer {
        try Answer(try outcome(of: request), to: request.verb)
    }

    /// Runs an ADD that must succeed.
    func add(_ request: PluginRequest) throws -> AddedAttachment {
        switch try answer(to: request.with(verb: "ADD")) {
        case .document(let result): return try AddedAttachment(result)
        case .failure(let error): throw error
        case .nothing: throw TestFailure("ADD printed nothing")
        }
    }

    /// Runs a DEL, CHECK, STATUS or GC that must succeed.
    func succeed(_ request: PluginRequest, verb: String) throws {
        if let error = try answer(to: request.with(verb: verb)).error { throw error }
    }

    /// The process of an invocation, to be started in the host's namespace.
    func process(for request: PluginRequest) -> PluginProcess {
        let candidates = (request.directory.map { [$0] } ?? pluginPath).map { "\($0)/\(request.plugin)" }
        return PluginProcess(
            path: candidates.first { File.isRegular($0) } ?? candidates[0],
            environment: request.environment(pluginPath: request.pluginPath ?? pluginPath).map { Array($0.utf8) },
            input: request.configuration.text()
        )
    }
}

/// One container: a network namespace with an ID.
final class TestContainer: @unchecked Sendable {
    /// `CNI_CONTAINERID`.
    let id: String
    /// The container's network namespace.
    let namespace: NetworkNamespace

    /// Makes a container; in its namespace is nothing but a loopback that is down.
    init(_ id: String) throws {
        self.id = id
        namespace = try .temporary()
    }
}

/// What a runtime asks a plugin: the environment and the standard input.
struct PluginRequest {
    /// The plugin's name, such as "bridge".
    var plugin: String
    /// `CNI_COMMAND`.
    var verb = "ADD"
    /// Standard input.
    var configuration: JSONValue
    /// `CNI_CONTAINERID`.
    var containerID: String
    /// `CNI_IFNAME`.
    var interfaceName = "eth0"
    /// `CNI_NETNS`.
    var namespacePath: String
    /// `CNI_ARGS`.
    var arguments = ""
    /// Where the plugin itself is, if not in `CNI_PATH`.
    var directory: String?
    /// `CNI_PATH`, if it is not the host's.
    var pluginPath: [String]?

    /// Asks for a container's interface.
    init(_ plugin: String, _ configuration: JSONValue, _ container: TestContainer) {
        self.plugin = plugin
        self.configuration = configuration
        containerID = container.id
        namespacePath = container.namespace.path
    }

    /// Asks for a container known by its names only.
    init(_ plugin: String, _ configuration: JSONValue, containerID: String, namespacePath: String) {
        self.plugin = plugin
        self.configuration = configuration
        self.containerID = containerID
        self.namespacePath = namespacePath
    }

    /// The same request with another verb.
    func with(verb: String) -> PluginRequest {
        var request = self
        request.verb = verb
        return request
    }

    /// The same request after the container's namespace is gone.
    func withoutNamespace() -> PluginRequest {
        var request = self
        request.namespacePath = ""
        return request
    }

    /// The same request with a previous result, as CHECK needs it.
    func with(previousResult: JSONNode) -> PluginRequest {
        var request = self
        var object = configuration.object ?? JSONObject()
        object["prevResult"] = previousResult.value
        request.configuration = .object(object)
        return request
    }

    func environment(pluginPath: [String]) -> [String] {
        [
            "CNI_COMMAND=\(verb)", "CNI_CONTAINERID=\(containerID)", "CNI_NETNS=\(namespacePath)",
            "CNI_IFNAME=\(interfaceName)", "CNI_ARGS=\(arguments)",
            "CNI_PATH=\(pluginPath.joined(separator: ":"))", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        ]
    }
}
