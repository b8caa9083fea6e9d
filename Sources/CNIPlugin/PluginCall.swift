// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import JSON

/// One validated invocation, on its way to the plugin.
struct PluginCall {
    let variables: Variables
    let context: RequestContext
    let undo: UndoList

    /// - Returns: The result document of an ADD; nil for other verbs.
    func perform<P: Plugin>(_ verb: Verb, _ plugin: P) throws(CNIError) -> JSONValue? {
        switch verb {
        case .add:
            return try plugin.resultDocument(
                AddRequest(
                    context: context,
                    identity: identity,
                    arguments: try CNIArguments(context.invocation.arguments, known: P.knownArguments),
                    namespacePath: try requireForeignNamespace(),
                    undo: undo
                )
            )
        case .check:
            try plugin.check(
                CheckRequest(
                    context: context,
                    identity: identity,
                    arguments: try CNIArguments(context.invocation.arguments, known: P.knownArguments),
                    namespacePath: try requireForeignNamespace()
                )
            )
        case .delete:
            let namespacePath = variables.isOwnNamespace ? nil : context.invocation.namespacePath
            try plugin.delete(DeleteRequest(context: context, identity: identity, namespacePath: namespacePath))
        case .status: try plugin.status(StatusRequest(context: context))
        case .garbageCollect:
            guard let valid = try context.configuration.validAttachments() else {
                throw CNIError(
                    .invalidConfiguration,
                    "network configuration: cni.dev/valid-attachments: is required for GC but missing",
                    details: "an empty list means that every attachment is garbage; nothing was removed"
                )
            }
            try plugin.collectGarbage(GarbageRequest(context: context, validAttachments: valid))
        case .version: break
        }
        return nil
    }

    private var identity: AttachmentIdentity {
        AttachmentIdentity(
            network: context.configuration.name,
            attachment: AttachmentID(
                containerID: context.invocation.containerID,
                interfaceName: context.invocation.interfaceName
            )
        )
    }

    /// - Throws: ``CNIError`` with code 8 before anything has been changed.
    private func requireForeignNamespace() throws(CNIError) -> String {
        let path = context.invocation.namespacePath ?? ""
        if variables.isOwnNamespace {
            throw CNIError(
                .invalidNamespace,
                "plugin's netns and netns from CNI_NETNS should not be the same: \(path)",
                details: "set CNI_NETNS_OVERRIDE=1 if the runtime's own namespace is really meant"
            )
        }
        return path
    }
}
