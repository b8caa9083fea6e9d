// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
public import CNIPlugin

extension FlannelPlugin {
    /// Detaches a container with what was saved by its ADD, and forgets that only when the delegate has succeeded.
    public func delete(_ request: DeleteRequest) throws(CNIError) {
        let saved = SavedConfigurations(of: request)
        let found = try saved.find(request.identity)
        if let delegate = found?.delegate {
            try run(delegate, request)
        } else {
            if let found { request.diagnostics.warn("\(found.path) holds no saved configuration, it is removed") }
            try deleteWithoutSaved(request)
        }
        if let found { try saved.remove(found.path) }
        try saved.removeLeftovers(request.identity)
    }

    /// The delegate may still know the attachment, or may never have had one: its absence is no reason to fail forever.
    private func deleteWithoutSaved(_ request: DeleteRequest) throws(CNIError) {
        guard let delegate = request.renderIfPossible(otherwise: "no plugin is asked to detach \(request.attachment)")
        else { return }
        do throws(CNIError) { _ = try PluginPath.find(delegate.type, in: request.invocation.searchPath) } catch {
            return request.diagnostics.warn("\(error); nothing is saved for \(request.attachment) either")
        }
        try run(delegate, request)
    }

    private func run(_ delegate: DelegateConfiguration, _ request: DeleteRequest) throws(CNIError) {
        // A result that cannot be read is no reason to keep an attachment.
        let previousResult = try? request.configuration.previousResult()
        try request.run(delegate.adding(previousResult: previousResult))
    }
}
