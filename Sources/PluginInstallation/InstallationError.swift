// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// Why plugins could not be installed or taken away: what is wrong, and what to do about it.
public struct InstallationError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// What should be installed is not complete.
        case source
        /// What is installed is newer.
        case downgrade
        /// What was written down about an earlier installation cannot be read.
        case record
        /// A file cannot be read or written.
        case file
    }

    /// What kind of failure it is.
    public let code: Code
    /// What is wrong.
    public let message: String
    /// What to do; empty when there is nothing to advise.
    public let advice: String

    init(_ code: Code, _ message: String, advice: String = "") {
        self.code = code
        self.message = message
        self.advice = advice
    }

    init(_ cause: SystemCallError) { self.init(.file, "\(cause)") }
}

extension InstallationError: CustomStringConvertible {
    /// What is wrong; after a semicolon, what to do.
    public var description: String { advice.isEmpty ? message : "\(message); \(advice)" }
}
