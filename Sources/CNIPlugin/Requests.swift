// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIExecution
internal import LinuxSystem

/// What every request carries.
public struct RequestContext {
    /// The plugin's own name.
    let plugin: String
    /// The network configuration.
    let configuration: NetworkConfiguration
    /// The environment, as a delegate gets it too.
    let invocation: PluginInvocation
    /// Where warnings go.
    let diagnostics: Diagnostics
}

/// A request of any verb.
public protocol PluginRequest {
    /// What every request carries.
    var context: RequestContext { get }
}

extension PluginRequest {
    /// The plugin's own name.
    public var plugin: String { context.plugin }
    /// The network configuration.
    public var configuration: NetworkConfiguration { context.configuration }
    /// The environment, as a delegate gets it too.
    public var invocation: PluginInvocation { context.invocation }
    /// Where warnings go.
    public var diagnostics: Diagnostics { context.diagnostics }
}

/// ADD.
public struct AddRequest: PluginRequest {
    /// What every request carries.
    public let context: RequestContext
    /// The network, the container and its interface.
    public let identity: AttachmentIdentity
    /// `CNI_ARGS`.
    public let arguments: CNIArguments
    /// The container's network namespace.
    public let namespacePath: String
    /// What a failure has to take back.
    public let undo: UndoList

    /// The container and its interface.
    public var attachment: AttachmentID { identity.attachment }
}

/// DEL.
public struct DeleteRequest: PluginRequest {
    /// What every request carries.
    public let context: RequestContext
    /// The network, the container and its interface.
    public let identity: AttachmentIdentity
    /// The container's network namespace; nil when it is gone, or is the plugin's own.
    public let namespacePath: String?

    /// The container and its interface.
    public var attachment: AttachmentID { identity.attachment }
}

/// CHECK.
public struct CheckRequest: PluginRequest {
    /// What every request carries.
    public let context: RequestContext
    /// The network, the container and its interface.
    public let identity: AttachmentIdentity
    /// `CNI_ARGS`.
    public let arguments: CNIArguments
    /// The container's network namespace.
    public let namespacePath: String

    /// The container and its interface.
    public var attachment: AttachmentID { identity.attachment }

    /// The result of the attachment's ADD.
    ///
    /// - Throws: ``CNIError`` with code 7 when the runtime gave none.
    public func requiredPreviousResult() throws(CNIError) -> NetworkResult {
        guard let result = try configuration.previousResult() else {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: prevResult: is required for CHECK but missing"
            )
        }
        return result
    }
}

/// STATUS.
public struct StatusRequest: PluginRequest {
    /// What every request carries.
    public let context: RequestContext
}

/// GC.
public struct GarbageRequest: PluginRequest {
    /// What every request carries.
    public let context: RequestContext
    /// The attachments in use; everything else of this network is garbage, with an empty set all of it.
    public let validAttachments: Set<AttachmentID>
}

/// Lines for standard error: standard output is the result's alone.
public final class Diagnostics {
    /// What was noted so far, in order.
    public private(set) var lines: [String] = []

    /// Starts empty.
    public init() {}

    /// Notes a warning for whoever reads the runtime's log.
    public func warn(_ line: String) { lines.append("warning: \(line)") }

    /// Passes on what a delegate wrote.
    func forward(_ text: String) {
        if !text.isEmpty { lines += text.split(separator: "\n").map(String.init) }
    }
}
