// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CJansson

extension JSONValue {
    /// How deeply arrays and objects may nest.
    ///
    /// Far beyond any configuration, far below the stack's end.
    public static let maximumDepth = 256

    /// Parses a document in UTF-8; of equal keys the last wins.
    ///
    /// - Throws: ``JSONError`` with the line and column where the text stops being JSON.
    public init(parsing text: some Sequence<UInt8>) throws(JSONError) {
        let bytes = Array(text)
        var failure = json_error_t()
        let flags = decodeAnyFlag | allowNULFlag
        let document = bytes.withUnsafeBytes { buffer in
            json_loadb(buffer.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, flags, &failure)
        }
        guard let document else {
            let reason = withUnsafePointer(to: &failure.text) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(JSON_ERROR_TEXT_LENGTH)) { String(cString: $0) }
            }
            let place = bytes.isEmpty ? "the document is empty" : "line \(failure.line), column \(failure.column)"
            throw JSONError(.syntax, at: "", "not a JSON document: \(place): \(reason)")
        }
        defer { json_decref(document) }
        self = try JSONValue(document, depth: 0)
    }

    private init(_ node: UnsafeMutablePointer<json_t>, depth: Int) throws(JSONError) {
        guard depth <= Self.maximumDepth else {
            throw JSONError(.syntax, at: "", "not a usable JSON document: nested more than \(Self.maximumDepth) deep")
        }
        switch node.pointee.type {
        case JSON_OBJECT:
            var object = JSONObject()
            var iterator = json_object_iter(node)
            while let current = iterator {
                if let key = json_object_iter_key(current), let value = json_object_iter_value(current) {
                    object.append(String(cString: key), try JSONValue(value, depth: depth + 1))
                }
                iterator = json_object_iter_next(node, current)
            }
            self = .object(object)
        case JSON_ARRAY:
            var array: [JSONValue] = []
            for index in 0..<json_array_size(node) {
                if let element = json_array_get(node, index) {
                    array.append(try JSONValue(element, depth: depth + 1))
                }
            }
            self = .array(array)
        case JSON_STRING:
            let bytes = UnsafeBufferPointer(start: json_string_value(node), count: json_string_length(node))
            self = .string(bytes.withMemoryRebound(to: UInt8.self) { String(decoding: $0, as: UTF8.self) })
        case JSON_INTEGER: self = .integer(Int64(json_integer_value(node)))
        case JSON_REAL: self = .real(json_real_value(node))
        case JSON_TRUE: self = .boolean(true)
        case JSON_FALSE: self = .boolean(false)
        default: self = .null
        }
    }

    /// How a document is laid out as text.
    public enum Layout: Sendable {
        /// On one line, without spaces.
        case compact
        /// Indented by four spaces, as the reference prints results.
        case indented
    }

    /// The document as UTF-8 text, without a final line end.
    public func text(_ layout: Layout = .compact) -> [UInt8] {
        guard let node = makeNode() else { return [] }
        defer { json_decref(node) }
        let flags = encodeAnyFlag | (layout == .compact ? compactFlag : 4)
        let length = json_dumpb(node, nil, 0, flags)
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) { json_dumpb(node, $0.baseAddress, length, flags) }
        }
    }

    /// A jansson value that the caller releases; nil only when memory is out.
    private func makeNode() -> UnsafeMutablePointer<json_t>? {
        switch self {
        case .null: return json_null()
        case .boolean(let value): return value ? json_true() : json_false()
        case .integer(let value): return json_integer(json_int_t(value))
        case .real(let value): return json_real(value)
        case .string(let value):
            var value = value
            return value.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { json_stringn_nocheck($0.baseAddress, $0.count) }
            } ?? json_string("")
        case .array(let elements):
            let node = json_array()
            for element in elements { json_array_append_new(node, element.makeNode()) }
            return node
        case .object(let object):
            let node = json_object()
            for member in object.members { json_object_set_new_nocheck(node, member.key, member.value.makeNode()) }
            return node
        }
    }
}

// jansson's flags are macros with casts, which Swift does not import.
private let compactFlag = 0x20
private let decodeAnyFlag = 0x4
private let encodeAnyFlag = 0x200
private let allowNULFlag = 0x10
