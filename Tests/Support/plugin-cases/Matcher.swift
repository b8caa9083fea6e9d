// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON

/// Compares a document with what a case expects of it and collects every difference.
///
/// An object matches when the expected members do; other members are ignored unless the comparison is exact. An array
/// matches element by element. Strings in angle brackets are wildcards (``matches(wildcard:_:)``); objects with one
/// member whose key starts with `$` are rules (``compare(rule:_:_:at:)``).
struct Matcher {
    /// What differs, each as one clause that starts with the path.
    private(set) var differences: [String] = []
    private var isExact: Bool

    /// Creates a matcher; an exact one admits no member that is not expected.
    init(exact: Bool = false) { isExact = exact }

    /// What differs between a document and an expectation.
    static func differences(_ actual: JSONValue?, from expected: JSONValue, exact: Bool = false) -> [String] {
        var matcher = Matcher(exact: exact)
        matcher.compare(actual, expected, at: "")
        return matcher.differences
    }

    /// Compares one value; an actual value of nil is a member that is not there.
    mutating func compare(_ actual: JSONValue?, _ expected: JSONValue, at path: String) {
        if case .string(let text) = expected, text.hasPrefix("<"), text.hasSuffix(">") {
            if !Self.matches(wildcard: text.dropFirst().dropLast(), actual) { note(path, actual, expected) }
            return
        }
        if let rule = expected.object?.members.first, rule.key.hasPrefix("$"), expected.object?.members.count == 1 {
            return compare(rule: rule.key, actual, rule.value, at: path)
        }
        guard let actual else { return note(path, nil, expected) }
        switch (actual, expected) {
        case (.object(let actual), .object(let expected)): compare(members: actual, expected, at: path)
        case (.array(let found), .array(let wanted)):
            guard found.count == wanted.count else { return note(path, actual, expected) }
            for (index, pair) in zip(found, wanted).enumerated() { compare(pair.0, pair.1, at: "\(path)[\(index)]") }
        default: if actual != expected { note(path, actual, expected) }
        }
    }

    private mutating func compare(members actual: JSONObject, _ expected: JSONObject, at path: String) {
        for member in expected.members {
            // Not the case-insensitive look-up: how a key is written is part of what is expected.
            let found = actual.members.first { $0.key == member.key }?.value
            compare(found, member.value, at: path.isEmpty ? member.key : "\(path).\(member.key)")
        }
        guard isExact else { return }
        for member in actual.members where !expected.members.contains(where: { $0.key == member.key }) {
            differences.append("\(path.isEmpty ? "" : path + ".")\(member.key): \(member.value.shown) is one too many")
        }
    }

    /// Rules: `$exactly` (no other members below), `$contains` and `$lacks` (elements that an array must and must not
    /// have), `$set` (an array in any order), `$one of` (alternatives), `$count` (of elements).
    private mutating func compare(rule: String, _ actual: JSONValue?, _ operand: JSONValue, at path: String) {
        let elements = actual?.array ?? []
        let wanted = operand.array ?? []
        switch rule {
        case "$exactly":
            let before = isExact
            isExact = true
            compare(actual, operand, at: path)
            isExact = before
        case "$one of":
            if !wanted.contains(where: { matches(actual, $0) }) { note(path, actual, .object([(rule, operand)])) }
        case "$contains", "$set":
            for element in wanted where !elements.contains(where: { matches($0, element) }) {
                differences.append("\(path): \(element.shown) is not in \(actual?.shown ?? "nothing")")
            }
            if rule == "$set" && elements.count != wanted.count {
                differences.append(
                    "\(path): \(elements.count) elements, expected \(wanted.count): \(actual?.shown ?? "")"
                )
            }
        case "$lacks":
            for element in wanted where elements.contains(where: { matches($0, element) }) {
                differences.append("\(path): \(element.shown) is in \(actual?.shown ?? "nothing")")
            }
        case "$count":
            if operand != .integer(Int64(elements.count)) { note(path, actual, .object([(rule, operand)])) }
        default: differences.append("\(path): the case uses an unknown rule \"\(rule)\"")
        }
    }

    private func matches(_ actual: JSONValue?, _ expected: JSONValue) -> Bool {
        var trial = Matcher(exact: isExact)
        trial.compare(actual, expected, at: "")
        return trial.differences.isEmpty
    }

    /// Wildcards: `<any>`, `<absent>`, `<string>`, `<number>`, `<mac>`, `<address>`, `<prefix>`, `<contains TEXT>`,
    /// `<starts TEXT>`, `<not TEXT>`, `<at least NUMBER>`.
    private static func matches(wildcard: Substring, _ actual: JSONValue?) -> Bool {
        if wildcard == "absent" { return actual == nil }
        guard let actual else { return wildcard.hasPrefix("not ") }
        switch wildcard {
        case "any": return true
        case "string": return actual.string?.isEmpty == false
        case "number": return actual.kind == JSONValue.integer(0).kind
        case "mac": return actual.string.map { MACAddress($0)?.description == $0 } ?? false
        case "address": return actual.string.map { IPAddress($0)?.description == $0 } ?? false
        case "prefix": return actual.string.map { IPPrefix($0)?.description == $0 } ?? false
        default: break
        }
        let text = actual.string ?? String(decoding: actual.text(), as: UTF8.self)
        if let part = wildcard.after("contains ") { return text.contains(part) }
        if let part = wildcard.after("starts ") { return text.hasPrefix(part) }
        if let part = wildcard.after("not ") { return text != part }
        if let part = wildcard.after("at least "), let least = Int64(part), case .integer(let number) = actual {
            return number >= least
        }
        return false
    }

    private mutating func note(_ path: String, _ actual: JSONValue?, _ expected: JSONValue) {
        let place = path.isEmpty ? "" : "\(path): "
        differences.append("\(place)is \(actual?.shown ?? "absent"), expected \(expected.shown)")
    }
}

extension JSONValue {
    /// The value as text for a report, shortened.
    var shown: String {
        let text = String(decoding: text(), as: UTF8.self)
        return text.count > 400 ? "\(text.prefix(400))…" : text
    }

    static func object(_ pairs: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(pairs)) }
}

extension Substring {
    /// What follows a prefix; nil when the text does not start so.
    fileprivate func after(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
