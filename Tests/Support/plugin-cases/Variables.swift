// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// What `$NAME` stands for in a case: the version, the case's directories, its namespaces, what a step remembered.
struct Variables {
    private var values: [String: JSONValue] = [:]

    /// The value of a name; setting replaces.
    subscript(name: String) -> JSONValue? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// A value with all names in its strings and keys replaced.
    ///
    /// A string that is a name and nothing else becomes the value itself, whatever its type.
    func expand(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text):
            if text.hasPrefix("$"), let whole = values[String(text.dropFirst())] { return whole }
            return .string(expand(text))
        case .array(let elements): return .array(elements.map(expand))
        case .object(let object):
            return .object(JSONObject(object.members.map { (expand($0.key), expand($0.value)) }))
        default: return value
        }
    }

    /// A text with `$NAME` replaced; names nobody set stay, so that shell variables work in scripts.
    func expand(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            let name = rest[rest.index(after: dollar)...].prefix {
                $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_")
            }
            if let value = values[String(name)] {
                result += value.string ?? String(decoding: value.text(), as: UTF8.self)
            } else {
                result += "$\(name)"
            }
            rest = rest[name.endIndex...]
        }
        return result + rest
    }
}

extension JSONValue {
    /// This document changed as a merge patch says (RFC 7386): null removes a member, objects merge, all else replaces.
    func merging(_ patch: JSONValue) -> JSONValue {
        guard let changes = patch.object else { return patch }
        var result = object ?? JSONObject()
        for change in changes.members {
            if change.value == .null {
                result[change.key] = nil
            } else {
                result[change.key] = (result[change.key] ?? .null).merging(change.value)
            }
        }
        return .object(result)
    }

    /// The value at a path such as "interfaces[1].name"; nil when there is none.
    func value(at path: String) -> JSONValue? {
        var value = self
        for part in path.split(whereSeparator: { $0 == "." || $0 == "[" || $0 == "]" }) {
            if let index = Int(part) {
                guard let elements = value.array, elements.indices.contains(index) else { return nil }
                value = elements[index]
            } else {
                guard let member = value.object?[String(part)] else { return nil }
                value = member
            }
        }
        return value
    }
}
