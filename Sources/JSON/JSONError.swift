// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A document that is no JSON, or holds something else than was expected.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    public enum Code: Hashable, Sendable {
        /// The text is not JSON.
        case syntax
        /// A value has the wrong type, is out of range, or is missing.
        case content
    }

    /// What is wrong.
    public let code: Code
    /// Where, such as "ipam.ranges[0][1].subnet"; empty for the whole document.
    public let path: String
    /// What was found and what was expected instead.
    public let reason: String

    /// Creates an error about the value at a path.
    public init(_ code: Code = .content, at path: String, _ reason: String) {
        self.code = code
        self.path = path
        self.reason = reason
    }

    /// Path and reason.
    public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
