// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A request to etcd that failed.
public struct EtcdError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// An endpoint cannot be used, or a certificate lacks its key.
        case configuration
        /// A certificate or a key file cannot be used now; the next request reads it again.
        case certificates
        /// No endpoint answered; nothing is known to have changed.
        case unreachable
        /// etcd answered that it cannot do it now, as without a quorum; nothing is known to have changed.
        case unavailable
        /// User, password, token or certificate were refused.
        case refused
        /// What was asked for does not exist, such as a lease that has ended.
        case notFound
        /// The revision that was asked for is no longer kept.
        case compacted
        /// The answer is none that etcd gives.
        case malformedAnswer
        /// etcd refused the request as such.
        case invalidRequest
    }

    /// What kind of failure it is.
    public let code: Code
    /// What is wrong: the endpoint, the request, what etcd said.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension EtcdError: CustomStringConvertible {
    /// What is wrong.
    public var description: String { message }
}
