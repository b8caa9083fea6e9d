// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A named set or map: what a rule looks a key up in, in constant time however many elements it has.
public struct NamedSet: Hashable, Sendable {
    /// What an element leads to.
    public enum Value: Hashable, Sendable {
        /// Nothing: a plain set.
        case none
        /// A verdict: a verdict map.
        case verdict
        /// Fields, one or a concatenation: a map.
        case fields([FieldType])
    }

    /// The table it is in.
    public let table: Table
    /// The name, at most 255 bytes, unique in its table.
    public let name: String
    /// The key: one field or a concatenation.
    public let key: [FieldType]
    /// What an element leads to.
    public let value: Value

    /// Describes a set.
    public init(_ name: String, in table: Table, key: [FieldType], value: Value = .none) {
        self.table = table
        self.name = name
        self.key = key
        self.value = value
    }
}

/// An element of a set or map.
public struct SetElement: Hashable, Sendable {
    /// The key's bytes.
    public let key: [UInt8]
    /// What it leads to.
    public let value: Value
    /// A remark, at most 127 bytes; more is cut off.
    public let comment: String

    /// What an element leads to.
    public enum Value: Hashable, Sendable {
        /// Nothing.
        case none
        /// A verdict.
        case verdict(Verdict)
        /// A value's bytes.
        case fields([UInt8])
    }

    /// Describes an element by its fields.
    public init(_ key: [FieldValue], value: Value = .none, comment: String = "") {
        self.init(key: key.concatenated, value: value, comment: comment)
    }

    /// Describes an element by its key's bytes.
    public init(key: [UInt8], value: Value = .none, comment: String = "") {
        self.key = key
        self.value = value
        self.comment = comment
    }

    /// The verdict of a verdict map's element.
    public var verdict: Verdict? {
        guard case .verdict(let verdict) = value else { return nil }
        return verdict
    }
}
