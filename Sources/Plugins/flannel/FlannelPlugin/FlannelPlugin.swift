// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
public import CNIPlugin
internal import JSON

/// Attaches a container to the overlay: has another plugin do it, with the subnet that flanneld holds for this machine.
public struct FlannelPlugin: Plugin {
    /// "flannel".
    public static var name: String { "flannel" }

    /// Makes the plugin.
    public init() {}
}

extension PluginRequest {
    /// Runs a delegate with this request's verb and environment.
    @discardableResult
    func run(_ delegate: DelegateConfiguration) throws(CNIError) -> PluginAnswer {
        var running = try RunningPlugin.start(delegate.type, invocation)
        return try finish(&running, with: delegate)
    }

    /// Hands a started delegate its configuration and waits for its answer.
    func finish(
        _ running: inout RunningPlugin,
        with delegate: DelegateConfiguration
    ) throws(CNIError) -> PluginAnswer {
        try running.send(.object(delegate.document))
        return try collect(from: &running)
    }

    /// What an ADD would give its delegate now, for verbs that must not fail because there is no such thing.
    ///
    /// - Parameter consequence: What follows from that, for the warning.
    func renderIfPossible(otherwise consequence: String) -> DelegateConfiguration? {
        do throws(CNIError) {
            let configuration = try FlannelConfiguration(self.configuration)
            return configuration.rendered(with: try configuration.daemon.environment())
        } catch {
            diagnostics.warn("\(error.message); \(consequence)")
            return nil
        }
    }
}
