// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import JSON
internal import LinuxSystem

/// Being a runtime: runs the plugins of a network in order and remembers what they answered.
///
/// One attachment must not be worked on by two calls at once, as the specification asks of runtimes.
public struct Runtime: Sendable {
    /// Where plugins are installed unless told otherwise.
    public static let standardPluginPath = "/opt/cni/bin"

    /// `CNI_PATH`: directories with plugins, separated by colons.
    public var pluginPath: String
    /// Where results are kept.
    public var cache: ResultCache
    /// What plugins inherit besides the variables of the specification, as `KEY=value`.
    public var environment: [String]
    /// Told of what did not make a call fail: tolerated damage, and what a successful plugin wrote to standard error.
    public var notify: @Sendable (String) -> Void

    /// Describes a runtime.
    public init(
        pluginPath: String = standardPluginPath,
        cache: ResultCache = ResultCache(),
        environment: [String],
        notify: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.pluginPath = pluginPath
        self.cache = cache
        self.environment = environment
        self.notify = notify
    }
}

extension Runtime {
    /// The plugins with their places, from 1.
    static func steps(
        _ network: NetworkList,
        _ verb: Verb
    ) -> [(step: RuntimeError.Step, plugin: PluginConfiguration)] {
        network.plugins.enumerated().map { index, plugin in
            let step = RuntimeError.Step(
                verb: verb,
                plugin: plugin.type,
                position: index + 1,
                count: network.plugins.count,
                network: network.name
            )
            return (step, plugin)
        }
    }

    /// Runs one plugin.
    ///
    /// - Returns: its document, when it wrote one.
    func run(
        _ step: RuntimeError.Step,
        _ configuration: JSONValue,
        for attachment: Attachment? = nil
    ) throws(RuntimeError) -> JSONValue? {
        // A plugin started now would be told of the signal at once.
        if let signal = TerminationSignals.received {
            throw RuntimeError(CNIError(.interrupted, "not started: signal \(signal) arrived"), at: step)
        }
        let invocation = PluginInvocation(
            verb: step.verb,
            containerID: attachment?.id.containerID ?? "",
            namespacePath: attachment?.namespacePath,
            interfaceName: attachment?.id.interfaceName ?? "",
            arguments: attachment?.argumentText ?? "",
            searchPath: pluginPath,
            inheritedEnvironment: environment
        )
        do {
            let answer = try runPlugin(step.plugin, invocation, configuration: configuration)
            if !answer.standardError.isEmpty { notify("\(step) wrote: \(answer.standardError)") }
            return answer.document
        } catch { throw RuntimeError(error, at: step) }
    }
}
