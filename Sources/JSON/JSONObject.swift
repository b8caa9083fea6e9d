// swift-cni, SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object, in order.
///
/// Looking a key up prefers the exact spelling and falls back to another case of the same letters: files in the
/// wild rely on Go's encoding/json, which ignores case.
public struct JSONObject: Hashable, Sendable {
    /// One key and its value.
    public struct Member: Hashable, Sendable {
        /// The key as written.
        public let key: String
        /// The value.
        public var value: JSONValue
    }

    /// All members in order, each key once.
    public private(set) var members: [Member] = []

    /// An object without members.
    public init() {}

    /// An object of some pairs; of equal keys the last wins.
    public init(_ pairs: [(String, JSONValue)]) {
        for (key, value) in pairs { self[key] = value }
    }

    /// The value of a key; setting nil removes it, setting a new key appends it.
    public subscript(key: String) -> JSONValue? {
        get { index(of: key).map { members[$0].value } }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Adds a member whose key is known to be new in this exact spelling.
    mutating func append(_ key: String, _ value: JSONValue) { members.append(Member(key: key, value: value)) }

    private func index(of key: String) -> Int? {
        if let exact = members.firstIndex(where: { $0.key == key }) { return exact }
        // Later duplicates win, as in Go.
        return members.lastIndex { $0.key.equalsIgnoringCase(key) }
    }
}

extension String {
    /// Whether two strings differ in the case of ASCII letters at most.
    func equalsIgnoringCase(_ other: String) -> Bool {
        utf8.count == other.utf8.count && zip(utf8, other.utf8).allSatisfy { $0.lowercased == $1.lowercased }
    }
}

extension UInt8 {
    fileprivate var lowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
}
