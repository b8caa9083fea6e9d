// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// A JSON document that is walked through instead of being turned into values.
///
/// A node is 8 KB and more, nearly all of it image names and field owners; as values that would be ten times as much, for
/// each of five thousand nodes. Only the structure is followed; what is asked for is parsed.
struct JSONText {
    let bytes: [UInt8]

    /// The first value of the document.
    func root() throws(JSONError) -> Range<Int> {
        let start = afterSpace(0)
        return start..<(try end(of: start))
    }

    /// Shows each member of an object: the key without its quotes and the value.
    func forEachMember(
        of object: Range<Int>,
        _ body: (_ key: Range<Int>, _ value: Range<Int>) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard bytes[object.lowerBound] == UInt8(ascii: "{") else { return }
        var position = afterSpace(object.lowerBound + 1)
        while position < object.upperBound - 1 {
            guard bytes[position] == UInt8(ascii: "\"") else { throw broken(at: position) }
            let keyEnd = try endOfString(position)
            var start = afterSpace(keyEnd)
            guard start < object.upperBound, bytes[start] == UInt8(ascii: ":") else { throw broken(at: start) }
            start = afterSpace(start + 1)
            let end = try end(of: start)
            try body(position + 1..<keyEnd - 1, start..<end)
            position = try afterSeparator(end, within: object)
        }
    }

    /// Shows each element of an array.
    func forEachElement(
        of array: Range<Int>,
        _ body: (_ element: Range<Int>) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard bytes[array.lowerBound] == UInt8(ascii: "[") else { return }
        var position = afterSpace(array.lowerBound + 1)
        while position < array.upperBound - 1 {
            let end = try end(of: position)
            try body(position..<end)
            position = try afterSeparator(end, within: array)
        }
    }

    /// Whether a key is a name; keys of the API have no escapes.
    func isKey(_ key: Range<Int>, _ name: StaticString) -> Bool {
        key.count == name.utf8CodeUnitCount && name.withUTF8Buffer { $0.elementsEqual(bytes[key]) }
    }

    /// The text of a key.
    func key(_ key: Range<Int>) throws(JSONError) -> String {
        try string(key.lowerBound - 1..<key.upperBound + 1) ?? ""
    }

    /// The text of a string; nil when the value is none.
    func string(_ value: Range<Int>) throws(JSONError) -> String? {
        guard bytes[value.lowerBound] == UInt8(ascii: "\"") else { return nil }
        let contents = bytes[value.lowerBound + 1..<value.upperBound - 1]
        if !contents.contains(UInt8(ascii: "\\")) { return String(decoding: contents, as: UTF8.self) }
        return try JSONValue(parsing: bytes[value]).string
    }

    /// A part of the document as a value.
    func value(_ range: Range<Int>) throws(JSONError) -> JSONValue { try JSONValue(parsing: bytes[range]) }

    /// Where a value ends that begins here.
    private func end(of start: Int) throws(JSONError) -> Int {
        guard start < bytes.count else { throw broken(at: start) }
        switch bytes[start] {
        case UInt8(ascii: "\""): return try endOfString(start)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return try endOfStructure(start)
        default:
            var position = start
            while position < bytes.count, Self.isScalar(bytes[position]) { position += 1 }
            guard position > start else { throw broken(at: start) }
            return position
        }
    }

    private func endOfStructure(_ start: Int) throws(JSONError) -> Int {
        var depth = 0
        var position = start
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position = try endOfString(position)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return position + 1 }
            default: break
            }
            position += 1
        }
        throw broken(at: position)
    }

    private func endOfString(_ start: Int) throws(JSONError) -> Int {
        var position = start + 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\\"): position += 2
            case UInt8(ascii: "\""): return position + 1
            default: position += 1
            }
        }
        throw broken(at: position)
    }

    private func afterSeparator(_ position: Int, within structure: Range<Int>) throws(JSONError) -> Int {
        let next = afterSpace(position)
        if next == structure.upperBound - 1 { return next }
        guard next < structure.upperBound, bytes[next] == UInt8(ascii: ",") else { throw broken(at: next) }
        let following = afterSpace(next + 1)
        guard following < structure.upperBound - 1 else { throw broken(at: following) }
        return following
    }

    private func afterSpace(_ position: Int) -> Int {
        var position = position
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
        return position
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    private static func isScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private func broken(at position: Int) -> JSONError {
        JSONError(.syntax, at: "", "not a JSON document: byte \(position) of \(bytes.count)")
    }
}
