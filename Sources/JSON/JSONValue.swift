// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A JSON document or a part of one (RFC 8259).
///
/// Members keep their order.
public enum JSONValue: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// A number without fraction or exponent.
    case integer(Int64)
    /// A number with fraction or exponent.
    case real(Double)
    /// A string; may hold any Unicode scalar, U+0000 included.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object.
    case object(JSONObject)

    /// An array of strings.
    public static func strings(_ strings: [String]) -> JSONValue { .array(strings.map { .string($0) }) }

    /// What it is, for a person: "a string", "an object".
    public var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer, .real: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The members, when it is an object.
    public var object: JSONObject? {
        if case .object(let object) = self { return object }
        return nil
    }

    /// The text, when it is a string.
    public var string: String? {
        if case .string(let string) = self { return string }
        return nil
    }

    /// The elements, when it is an array.
    public var array: [JSONValue]? {
        if case .array(let array) = self { return array }
        return nil
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object with members in the order written.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}
