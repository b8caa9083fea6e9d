// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A value together with the path that leads to it, so that a complaint can name the place.
public struct JSONNode: Hashable, Sendable {
    /// The value.
    public let value: JSONValue
    /// The path from the document's root, such as "ipam.ranges[0]".
    public let path: String

    /// The root of a document, or a part whose path is known.
    public init(_ value: JSONValue, path: String = "") {
        self.value = value
        self.path = path
    }

    /// The member with a key; nil when it is absent or null, or when this is no object.
    public subscript(key: String) -> JSONNode? {
        guard let value = value.object?[key], value != .null else { return nil }
        return JSONNode(value, path: path(of: key))
    }

    /// The member with a key, through this object's own type check; nil when absent or null.
    public func member(_ key: String) throws(JSONError) -> JSONNode? {
        _ = try object()
        return self[key]
    }

    /// The member with a key.
    ///
    /// - Throws: ``JSONError`` when it is absent or null.
    public func requiredMember(_ key: String) throws(JSONError) -> JSONNode {
        guard let member = try member(key) else { throw JSONError(at: path(of: key), "is required but missing") }
        return member
    }

    /// A string.
    public func string() throws(JSONError) -> String {
        guard case .string(let string) = value else { throw mismatch("a string") }
        return string
    }

    /// A boolean.
    public func boolean() throws(JSONError) -> Bool {
        guard case .boolean(let boolean) = value else { throw mismatch("true or false") }
        return boolean
    }

    /// An integer in a range.
    public func integer(in range: ClosedRange<Int64> = .min ... .max) throws(JSONError) -> Int64 {
        let integer: Int64
        switch value {
        case .integer(let value): integer = value
        // libcni re-marshals numbers as floating point: an integral 1500.0 is the integer that was meant.
        case .real(let value):
            guard let exact = Int64(exactly: value) else { throw mismatch("an integer") }
            integer = exact
        default: throw mismatch("an integer")
        }
        guard range.contains(integer) else {
            throw JSONError(at: path, "is \(integer), must be \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// The members of an object.
    public func object() throws(JSONError) -> JSONObject {
        guard case .object(let object) = value else { throw mismatch("an object") }
        return object
    }

    /// The elements of an array.
    public func elements() throws(JSONError) -> [JSONNode] {
        guard case .array(let array) = value else { throw mismatch("an array") }
        return array.enumerated().map { JSONNode($0.element, path: "\(path)[\($0.offset)]") }
    }

    /// An array of strings.
    public func strings() throws(JSONError) -> [String] {
        var strings: [String] = []
        for element in try elements() { strings.append(try element.string()) }
        return strings
    }

    /// A complaint about this value: its path, the reason.
    public func invalid(_ reason: String) -> JSONError { JSONError(at: path, reason) }

    /// The path of a member, whether it exists or not.
    public func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private func mismatch(_ expected: String) -> JSONError {
        let text = String(decoding: value.text().prefix(60), as: UTF8.self)
        return JSONError(at: path, "is \(value.kind) (\(text)), must be \(expected)")
    }
}
