// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
public import CNIPlugin
internal import ContainerNetwork
public import JSON

extension FlannelPlugin {
    /// Attaches a container.
    public func add(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        let document = try resultDocument(request)
        do {
            return try NetworkResult(decoding: JSONNode(document), version: request.configuration.version)
        } catch { throw CNIError(error, in: "result") }
    }

    /// Attaches a container and passes on what the delegate printed.
    public func resultDocument(_ request: AddRequest) throws(CNIError) -> JSONValue {
        let configuration = try FlannelConfiguration(request.configuration)
        let saved = try SavedConfigurations(request.configuration)
        let delegate = configuration.rendered(with: try configuration.daemon.environment())
        // A second ADD of a live attachment must fail before anything has changed. The delegate would notice; but the saved
        // configuration would have been replaced by then, and a delegate that falls over be asked to detach what lives.
        try AttachmentSockets(namespacePath: request.namespacePath).requireFreeName(for: request.attachment)
        // It starts up while the file is flushed to the disk, and does nothing before it has its configuration.
        var running = try RunningPlugin.start(delegate.type, request.invocation)
        let file = try save(delegate, in: saved, request)

        let answer: PluginAnswer
        do { answer = try request.finish(&running, with: delegate) } catch {
            // One that reported a failure has cleaned up, also when what it reports is that its own delegate fell over.
            if !running.hasReportedFailure { try registerDelete(delegate, request, file) }
            throw error
        }
        try registerDelete(delegate, request, file)
        _ = try request.result(of: answer, from: delegate.type)
        return answer.document ?? .null
    }

    /// Whether a failed ADD must leave the saved configuration to a later DEL.
    private final class SavedFile {
        var isNeeded = false
    }

    private func save(
        _ delegate: DelegateConfiguration,
        in saved: SavedConfigurations,
        _ request: AddRequest
    ) throws(CNIError) -> SavedFile {
        let file = SavedFile()
        let (path, former) = try saved.save(delegate, for: request.identity)
        try request.undo.register("remove \(path)") { () throws(CNIError) in
            if !file.isNeeded { try saved.restore(path, former) }
        }
        return file
    }

    private func registerDelete(
        _ delegate: DelegateConfiguration,
        _ request: AddRequest,
        _ file: SavedFile
    ) throws(CNIError) {
        try request.undo.register("detach with plugin \(delegate.type)") { () throws(CNIError) in
            file.isNeeded = true
            _ = try runPlugin(
                delegate.type,
                request.invocation.replacing(verb: .delete),
                configuration: .object(delegate.document)
            )
            file.isNeeded = false
        }
    }
}
