// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import JSON

/// What a CNI plugin is: one method a verb.
///
/// Whatever comes before (environment, standard input, versions, names, namespaces) and after (output, exit status,
/// undoing a failed ADD) is ``PluginProcess``'s part.
public protocol Plugin {
    /// The executable's name, as configurations write it in `type`.
    static var name: String { get }
    /// The keys of `CNI_ARGS` that the plugin understands besides `IgnoreUnknown`.
    static var knownArguments: Set<String> { get }
    /// The versions of the specification it speaks, oldest first.
    static var supportedVersions: [SpecVersion] { get }

    /// Makes a plugin; all it knows comes with the requests.
    init()

    /// Attaches a container. What is made for the attachment is registered in the request's undo list.
    func add(_ request: AddRequest) throws(CNIError) -> NetworkResult
    /// Attaches a container as ``add(_:)`` does, and gives the document to print.
    ///
    /// Only for plugins that pass on a document that another plugin wrote.
    func resultDocument(_ request: AddRequest) throws(CNIError) -> JSONValue
    /// Detaches a container: does all it can, and fails only when something of the attachment is still there.
    func delete(_ request: DeleteRequest) throws(CNIError)
    /// Verifies that an attachment is as ADD made it.
    func check(_ request: CheckRequest) throws(CNIError)
    /// Throws 50 or 51 when an ADD could not be served now.
    func status(_ request: StatusRequest) throws(CNIError)
    /// Removes what belongs to attachments that are not listed as valid.
    func collectGarbage(_ request: GarbageRequest) throws(CNIError)
}

extension Plugin {
    /// No keys.
    public static var knownArguments: Set<String> { [] }
    /// All versions.
    public static var supportedVersions: [SpecVersion] { SpecVersion.all }

    /// The result, with exactly the fields of the configuration's version.
    public func resultDocument(_ request: AddRequest) throws(CNIError) -> JSONValue {
        try add(request).document(version: request.configuration.version)
    }
    /// Nothing can be missing for a plugin without prerequisites.
    public func status(_ request: StatusRequest) throws(CNIError) {}
    /// Nothing can be left by a plugin without state.
    public func collectGarbage(_ request: GarbageRequest) throws(CNIError) {}
}
