// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIRuntime
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Synchronization

/// A runtime over scripted plugins with a cache of its own.
final class Laboratory: Sendable {
    let plugins: ScriptedPlugins
    let cacheDirectory: TemporaryDirectory
    private let notes = Mutex<[String]>([])

    init(_ names: [String] = ["first", "second", "third"], script: JSONValue = [:]) throws {
        plugins = try ScriptedPlugins(names, script: script)
        cacheDirectory = try TemporaryDirectory()
    }

    /// A runtime; its remarks are collected in ``remarks``.
    var runtime: Runtime {
        Runtime(
            pluginPath: plugins.path,
            cache: ResultCache(cacheDirectory.path),
            environment: ["PATH=/usr/bin:/bin", "CNI_COMMAND=inherited", "HOME=/root"],
            notify: { text in self.notes.withLock { $0.append(text) } }
        )
    }

    var remarks: [String] { notes.withLock { $0 } }

    /// The cache file of an attachment.
    func file(_ network: String = "lab", _ container: String = "c1", _ interface: String = "eth0") -> String {
        cacheDirectory.appending("results/\(network)-\(container)-\(interface)")
    }

    /// Verb and plugin of each call so far.
    func calls() throws -> [String] { try plugins.calls().map(\.summary) }
}

/// A network list of some plugins.
func list(
    _ types: [String] = ["first", "second", "third"],
    version: String = "1.1.0",
    _ members: [(String, JSONValue)] = []
) throws -> NetworkList {
    var object = JSONObject([
        ("cniVersion", .string(version)), ("name", "lab"),
        ("plugins", .array(types.map { ["type": .string($0)] })),
    ])
    for (key, value) in members { object[key] = value }
    return try NetworkList(document: .object(object), source: JSONValue.object(object).text())
}

/// The attachment most tests work on.
func attachment(
    _ container: String = "c1",
    _ interface: String = "eth0",
    namespace: String? = "/run/netns/c1",
    arguments: [Attachment.Argument] = [],
    capabilities: JSONObject = JSONObject()
) throws -> Attachment {
    try Attachment(
        AttachmentID(containerID: container, interfaceName: interface),
        namespacePath: namespace,
        arguments: arguments,
        capabilityArguments: capabilities
    )
}

/// A result with one address.
func result(_ address: String, version: String = "1.1.0") -> JSONValue {
    ["cniVersion": .string(version), "ips": [["address": .string(address)]]]
}

/// The error that work throws.
func failure(_ work: () throws -> Void) -> RuntimeError? {
    do { try work() } catch { return error as? RuntimeError }
    return nil
}
