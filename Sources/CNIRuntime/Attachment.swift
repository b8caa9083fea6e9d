// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import JSON

/// What a runtime wants attached: an interface of a container, and what it tells the plugins about it.
public struct Attachment: Hashable, Sendable {
    /// One pair of `CNI_ARGS`.
    public struct Argument: Hashable, Sendable {
        /// The part before '='.
        public let key: String
        /// The part after '='.
        public let value: String

        /// A pair.
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// The container and the interface's name in it.
    public let id: AttachmentID
    /// The container's network namespace; nil when it is gone.
    public var namespacePath: String?
    /// The pairs of `CNI_ARGS`.
    public var arguments: [Argument]
    /// Values of capabilities, such as "portMappings": each plugin gets those that its configuration asks for.
    public var capabilityArguments: JSONObject

    /// Describes an attachment.
    ///
    /// - Throws: ``RuntimeError`` with code 4 when a name breaks the specification's rules: names become paths.
    public init(
        _ id: AttachmentID,
        namespacePath: String? = nil,
        arguments: [Argument] = [],
        capabilityArguments: JSONObject = JSONObject()
    ) throws(RuntimeError) {
        if let problem = Identifier.problem(withName: id.containerID) {
            throw RuntimeError(.invalidEnvironment, "container ID \"\(id.containerID)\" \(problem)")
        }
        if let problem = Identifier.problem(withInterfaceName: id.interfaceName) {
            throw RuntimeError(.invalidEnvironment, "interface name \"\(id.interfaceName)\" \(problem)")
        }
        self.id = id
        self.namespacePath = namespacePath
        self.arguments = arguments
        self.capabilityArguments = capabilityArguments
    }

    /// The text of `CNI_ARGS`.
    var argumentText: String { arguments.map { "\($0.key)=\($0.value)" }.joined(separator: ";") }

    /// Fills the arguments the caller left empty from what was in force when the attachment was made.
    ///
    /// The namespace is not among them: one that the caller says is gone may have its path taken by another.
    func completed(by cached: CachedAttachment) -> Attachment {
        var copy = self
        if copy.arguments.isEmpty { copy.arguments = cached.arguments }
        if copy.capabilityArguments.members.isEmpty { copy.capabilityArguments = cached.capabilityArguments }
        return copy
    }
}
