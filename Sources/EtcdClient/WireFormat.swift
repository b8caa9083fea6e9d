// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// How the gateway writes Protocol Buffers as JSON: 64-bit integers as strings, bytes in base 64, and what has its
/// default value not at all.
extension JSONValue {
    /// A member; null counts as absent.
    func wireMember(_ key: String) -> JSONValue? {
        guard let member = object?[key], member != .null else { return nil }
        return member
    }

    /// An integer member, 0 when absent.
    func wireInteger(_ key: String) throws(EtcdError) -> Int64 {
        switch wireMember(key) {
        case nil: return 0
        case .integer(let value): return value
        case .string(let text):
            guard let value = Int64(text) else { fallthrough }
            return value
        default: throw EtcdError(.malformedAnswer, "\"\(key)\" is no integer")
        }
    }

    /// A member of bytes, empty when absent.
    func wireBytes(_ key: String) throws(EtcdError) -> [UInt8] {
        guard let member = wireMember(key) else { return [] }
        guard let text = member.string, let bytes = Base64.decode(text) else {
            throw EtcdError(.malformedAnswer, "\"\(key)\" is not in base 64")
        }
        return bytes
    }

    /// A member of Boolean type, false when absent.
    func wireBoolean(_ key: String) -> Bool { wireMember(key) == .boolean(true) }

    /// The revision in the header of an answer.
    func wireRevision() throws(EtcdError) -> Int64 { try wireMember("header")?.wireInteger("revision") ?? 0 }

    /// The entries of an answer to a request for a range.
    func wireEntries() throws(EtcdError) -> [EtcdEntry] {
        var entries: [EtcdEntry] = []
        let elements = wireMember("kvs")?.array ?? []
        entries.reserveCapacity(elements.count)
        for element in elements { entries.append(try EtcdEntry(wire: element)) }
        return entries
    }

    static func wire(_ bytes: some Collection<UInt8>) -> JSONValue { .string(Base64.encode(bytes)) }
    static func wire(_ integer: Int64) -> JSONValue { .string(String(integer)) }
}

extension EtcdEntry {
    init(wire value: JSONValue) throws(EtcdError) {
        self.init(
            key: String(decoding: try value.wireBytes("key"), as: UTF8.self),
            value: try value.wireBytes("value"),
            createRevision: try value.wireInteger("create_revision"),
            modRevision: try value.wireInteger("mod_revision"),
            lease: try value.wireInteger("lease")
        )
    }
}

extension EtcdKeyRange {
    /// The members `key` and, for more than one key, `range_end`.
    var wire: JSONObject {
        switch self {
        case .key(let key): JSONObject([("key", .wire(key.utf8))])
        case .prefix(let prefix): JSONObject([("key", .wire(prefix.utf8)), ("range_end", .wire(Self.end(of: prefix)))])
        }
    }

    /// The first key behind all that begin with a prefix; a single zero byte stands for "no end".
    private static func end(of prefix: String) -> [UInt8] {
        var bytes = Array(prefix.utf8)
        while let last = bytes.popLast() {
            if last < 0xff { return bytes + [last + 1] }
        }
        return [0]
    }
}

extension EtcdCondition {
    var wire: JSONValue {
        switch self {
        case .isAbsent(let key): ["key": .wire(key.utf8), "target": "CREATE", "create_revision": .wire(0)]
        case .isUnchanged(let key, let revision):
            ["key": .wire(key.utf8), "target": "MOD", "mod_revision": .wire(revision)]
        }
    }
}

extension EtcdOperation {
    var wire: JSONValue {
        switch self {
        case .put(let key, let value, let lease): ["request_put": Self.put(key, value, lease)]
        case .delete(let range): ["request_delete_range": .object(range.wire)]
        case .list(let range): ["request_range": .object(range.wire)]
        }
    }

    static func put(_ key: String, _ value: [UInt8], _ lease: Int64) -> JSONValue {
        ["key": .wire(key.utf8), "value": .wire(value), "lease": .wire(lease)]
    }
}

extension EtcdEvent {
    init(wire value: JSONValue) throws(EtcdError) {
        let entry = try EtcdEntry(wire: value.wireMember("kv") ?? .null)
        let isDeletion = value.wireMember("type")?.string == "DELETE"
        self = isDeletion ? .delete(key: entry.key, modRevision: entry.modRevision) : .put(entry)
    }

    /// The revision of the store that the event made.
    var revision: Int64 {
        switch self {
        case .put(let entry): entry.modRevision
        case .delete(_, let revision): revision
        }
    }
}
