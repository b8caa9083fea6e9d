// swift-cni, SPDX-License-Identifier: Apache-2.0

/// The number by which the kernel knows an interface inside one network namespace.
public struct LinkIndex: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// `ifi_index`, positive.
    public let rawValue: UInt32
    /// Creates an index from a number.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// "interface 5": for where the name is not known.
    public var description: String { "interface \(rawValue)" }
}
