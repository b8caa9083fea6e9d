// swift-cni, SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A failure of the overlay's own work: what is wrong, and what to do about it.
public struct OverlayError: Error, Hashable, Sendable {
    /// What kind of failure it is; a caller decides by it whether to wait, to try again or to give up.
    public enum Code: Hashable, Sendable {
        /// A flag or an environment variable holds a value that cannot be used.
        case option
        /// No interface can be used towards the other nodes.
        case noUplink
        /// The network's configuration holds a value that cannot be used.
        case configuration
        /// The store holds no configuration of the network.
        case notConfigured
        /// A key, a value or a file of a lease cannot be read as what it should be.
        case malformedText
        /// Every subnet of the network is taken.
        case outOfSubnets
        /// The store cannot be reached now; nothing is known to have changed.
        case storeUnavailable
        /// Whoever gives out subnets was asked, and has not given this node one yet.
        case notGranted
        /// Going on would contradict what this node used before.
        case contradiction
        /// Another node acts under this node's identity.
        case duplicateNode
        /// Other nodes were faster, again and again.
        case contention
        /// A file of this node cannot be read or written.
        case localFile
    }

    /// What kind of failure it is.
    public let code: Code
    /// What is wrong: the key, the value, the file.
    public let message: String
    /// What would be right, or what to do; empty when there is nothing to advise.
    public let advice: String

    /// Creates an error.
    public init(_ code: Code, _ message: String, advice: String = "") {
        self.code = code
        self.message = message
        self.advice = advice
    }

    /// An error about a system call that failed.
    public init(_ code: Code, _ cause: SystemCallError, advice: String = "") {
        self.init(code, "\(cause)", advice: advice)
    }
}

extension OverlayError: CustomStringConvertible {
    /// What is wrong; after a semicolon, what to do.
    public var description: String { advice.isEmpty ? message : "\(message); \(advice)" }
}
