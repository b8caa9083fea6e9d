// swift-cni, SPDX-License-Identifier: Apache-2.0

/// What is kept of a node: a few hundred of the many thousand bytes that the API has.
public struct Node: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// What tells it from an earlier node of the same name.
    public var uid: String
    /// When it was changed last, as far as one store goes.
    public var resourceVersion: String
    /// Its annotations with the prefix of ``KubernetesClientOptions/annotationPrefix``, by what follows that.
    public var annotations: [String: String]
    /// The subnets of its pods: one, or one of each family.
    public var podCIDRs: [String]
    /// Its addresses of type `InternalIP`.
    public var internalAddresses: [String]
    /// Its condition `NetworkUnavailable`, if it has one.
    public var networkUnavailable: NodeCondition?

    /// Describes a node.
    public init(
        name: String,
        uid: String = "",
        resourceVersion: String = "",
        annotations: [String: String] = [:],
        podCIDRs: [String] = [],
        internalAddresses: [String] = [],
        networkUnavailable: NodeCondition? = nil
    ) {
        self.name = name
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.annotations = annotations
        self.podCIDRs = podCIDRs
        self.internalAddresses = internalAddresses
        self.networkUnavailable = networkUnavailable
    }

    /// Whether all that is kept of two states of a node is the same, the version apart.
    ///
    /// Each kubelet writes its node every few minutes at least, and almost never does that matter to anyone here. Versions that
    /// are equal prove nothing: a store that was restored from a backup gives the same ones out again.
    public func says(sameAs other: Node) -> Bool {
        uid == other.uid && name == other.name && podCIDRs == other.podCIDRs
            && annotations == other.annotations && internalAddresses == other.internalAddresses
            && networkUnavailable == other.networkUnavailable
    }
}

/// A condition of a node.
public struct NodeCondition: Hashable, Sendable {
    /// Whether it is met; nil for unknown.
    public var isMet: Bool?
    /// Why, as one word.
    public var reason: String
    /// Why, for a person.
    public var message: String

    /// Describes a condition.
    public init(isMet: Bool?, reason: String, message: String) {
        self.isMet = isMet
        self.reason = reason
        self.message = message
    }
}

/// All nodes at one moment.
public struct NodeListing: Hashable, Sendable {
    /// The moment: a watch from here on tells what comes after.
    public var resourceVersion: String
    /// The nodes, in the order of the server.
    public var nodes: [Node]
}

/// One change that a watch reports.
public enum NodeEvent: Hashable, Sendable {
    /// A node was made or written.
    case put(Node)
    /// A node is gone; its last state.
    case delete(Node)
}
