// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIExecution
internal import JSON

extension PluginRequest {
    /// Starts another plugin with this request's environment; it waits for its configuration.
    ///
    /// - Throws: ``CNIError`` with code 7 when it is this plugin: a delegate gets the same configuration, and would
    ///   start itself without end.
    public func startDelegate(_ type: String) throws(CNIError) -> RunningPlugin {
        guard type != plugin else {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: ipam.type: is \"\(type)\", which is this plugin, must be an address manager"
            )
        }
        return try RunningPlugin.start(type, invocation)
    }

    /// Hands a delegate this request's configuration, waits for it and passes on its standard error.
    @discardableResult
    public func finish(_ delegate: consuming RunningPlugin) throws(CNIError) -> PluginAnswer {
        try delegate.send(configuration.root.value)
        return try collect(from: &delegate)
    }

    /// Waits for a delegate that has its configuration already, and passes on its standard error.
    ///
    /// The delegate is left to be asked about its failure.
    public func collect(from delegate: inout RunningPlugin) throws(CNIError) -> PluginAnswer {
        let answer = try delegate.finish()
        diagnostics.forward(answer.standardError)
        return answer
    }

    /// Runs the address manager that the configuration names, if any, with this request's verb.
    public func delegateToIPAM() throws(CNIError) {
        guard let type = configuration.ipamType else { return }
        try finish(try startDelegate(type))
    }
}

extension AddRequest {
    /// Reads a delegate's answer to ADD as a result.
    ///
    /// - Throws: ``CNIError`` with code 104 when it is none.
    public func result(of answer: PluginAnswer, from type: String) throws(CNIError) -> NetworkResult {
        guard let document = answer.document else {
            throw CNIError(.delegation, "plugin \(type) succeeded without a result (ADD)")
        }
        do {
            return try NetworkResult(decoding: JSONNode(document), version: configuration.version)
        } catch {
            throw CNIError(.delegation, "plugin \(type) gave an unusable result (ADD): \(error)")
        }
    }

    /// Runs a delegate's DEL, as the undo of its ADD.
    public func undoDelegate(_ type: String) throws(CNIError) {
        _ = try runPlugin(type, invocation.replacing(verb: .delete), configuration: configuration.root.value)
    }
}
