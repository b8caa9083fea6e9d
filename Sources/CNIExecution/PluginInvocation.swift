// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// What a plugin is asked to do (specification, section 2, `CNI_COMMAND`).
public enum Verb: String, Hashable, Sendable, CaseIterable {
    /// Attach a container.
    case add = "ADD"
    /// Detach a container.
    case delete = "DEL"
    /// Verify an attachment.
    case check = "CHECK"
    /// Say whether ADD requests can be served.
    case status = "STATUS"
    /// Remove what belongs to no living attachment.
    case garbageCollect = "GC"
    /// Say which versions are spoken.
    case version = "VERSION"
}

/// The environment a plugin is run with.
public struct PluginInvocation: Hashable, Sendable {
    /// `CNI_COMMAND`.
    public var verb: Verb
    /// `CNI_CONTAINERID`; empty where the verb has no container.
    public var containerID: String
    /// `CNI_NETNS`; nil when the namespace is gone or the verb has none.
    public var namespacePath: String?
    /// `CNI_IFNAME`; empty where the verb has no interface.
    public var interfaceName: String
    /// `CNI_ARGS`: `KEY=value` pairs separated by semicolons.
    public var arguments: String
    /// `CNI_PATH`: directories separated by colons, searched in order.
    public var searchPath: String
    /// The caller's own environment, as `KEY=value` entries; its `CNI_` variables above are replaced.
    public var inheritedEnvironment: [String]

    /// Describes an invocation.
    public init(
        verb: Verb,
        containerID: String = "",
        namespacePath: String? = nil,
        interfaceName: String = "",
        arguments: String = "",
        searchPath: String,
        inheritedEnvironment: [String]
    ) {
        self.verb = verb
        self.containerID = containerID
        self.namespacePath = namespacePath
        self.interfaceName = interfaceName
        self.arguments = arguments
        self.searchPath = searchPath
        self.inheritedEnvironment = inheritedEnvironment
    }

    /// The same invocation with another verb.
    public func replacing(verb: Verb) -> PluginInvocation {
        var copy = self
        copy.verb = verb
        return copy
    }

    /// The entries for `execve(2)`.
    var environment: [String] {
        let own = [
            ("CNI_COMMAND", verb.rawValue), ("CNI_CONTAINERID", containerID), ("CNI_NETNS", namespacePath ?? ""),
            ("CNI_IFNAME", interfaceName), ("CNI_ARGS", arguments), ("CNI_PATH", searchPath),
        ]
        let inherited = inheritedEnvironment.filter { entry in
            !own.contains { ProcessEnvironment.value(of: $0.0, in: entry) != nil }
        }
        return inherited + own.map { "\($0.0)=\($0.1)" }
    }
}
