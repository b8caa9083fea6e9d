// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import JSON
internal import LinuxSystem

/// A directory of fake plugins that answer as a script says and log what they were asked.
///
/// The test target must depend on "scripted-plugin"; its source says what a script may hold.
public final class ScriptedPlugins: Sendable {
    private let directory: TemporaryDirectory

    /// Makes a directory with plugins of some names.
    ///
    /// - Parameter script: For each plugin, for each verb (`CNI_COMMAND`), the answer.
    public init(_ names: [String], script: JSONValue = .object(JSONObject())) throws {
        directory = try TemporaryDirectory()
        let executable = try BuiltProduct.path("scripted-plugin")
        for name in names {
            guard symlink(executable, directory.appending(name)) == 0 else {
                throw SystemCallError("symlink", on: name, .current)
            }
        }
        try answer(with: script)
    }

    /// The directory, for `CNI_PATH`.
    public var path: String { directory.path }

    /// Replaces the script.
    public func answer(with script: JSONValue) throws {
        try File.replace(directory.appending("script.json"), with: script.text())
    }

    /// One call of a plugin.
    public struct Call: Sendable {
        /// The name it was run by.
        public let plugin: String
        /// Its environment.
        public let environment: JSONObject
        /// Its standard input, parsed when it was JSON.
        public let input: JSONNode

        /// A variable of its environment; nil when it was not set.
        public subscript(variable: String) -> String? { environment[variable]?.string }

        /// Verb and plugin, such as "ADD first".
        public var summary: String { "\(self["CNI_COMMAND"] ?? "?") \(plugin)" }
    }

    /// The calls so far, oldest first.
    public func calls() throws -> [Call] {
        let text = try File.contentsIfPresent(of: directory.appending("log.jsonl")) ?? []
        return try text.split(separator: UInt8(ascii: "\n")).map { line in
            let entry = JSONNode(try JSONValue(parsing: line))
            return Call(
                plugin: try entry.requiredMember("plugin").string(),
                environment: try entry.requiredMember("environment").object(),
                input: JSONNode(entry["stdin"]?.value ?? .null)
            )
        }
    }

    /// Forgets the calls so far.
    public func forgetCalls() throws { try File.remove(directory.appending("log.jsonl")) }
}
