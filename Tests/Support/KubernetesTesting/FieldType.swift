// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// What a field of an object of the API may hold.
///
/// The API leaves out what it does not know without a word, unless it is asked to be strict: a slip in a manifest, such as a
/// probe in the wrong place, makes no error and no probe. Here it is one.
indirect enum FieldType: Sendable {
    /// Any string.
    case text
    /// A string that is as a word of ``Pattern`` says.
    case matching(Pattern)
    /// One of some strings.
    case oneOf(Set<String>)
    /// True or false.
    case boolean
    /// A whole number.
    case integer(ClosedRange<Int64>)
    /// Either of two.
    case either(FieldType, FieldType)
    /// A list.
    case list(FieldType)
    /// A list of which no two elements have the same value of a field: what a patch merges them by.
    case listByKey(String, FieldType)
    /// Any keys with values of one type.
    case map(FieldType)
    /// Exactly these fields.
    case object(Fields)

    /// How a string is made up.
    enum Pattern: String, Sendable {
        /// A name as DNS has labels: RFC 1123.
        case label = "a name in lower case"
        /// Such names, joined by dots.
        case subdomain = "a name in lower case, with dots"
        /// An absolute path.
        case path = "an absolute path"
        /// An amount such as `100m` or `50Mi`.
        case quantity = "an amount"
        /// A part such as `10%`.
        case percentage = "a percentage"
        /// An IP address.
        case address = "an address"
        /// The name of a variable in an environment.
        case variable = "the name of a variable"
        /// The name of a port: a letter is in it, or it would be a number.
        case portName = "the name of a port"
        /// The value of a label.
        case labelValue = "a label's value"

        func holds(_ text: String) -> Bool {
            switch self {
            case .label: text.count <= 63 && text.wholeMatch(of: /[a-z0-9]([-a-z0-9]*[a-z0-9])?/) != nil
            case .subdomain:
                text.count <= 253
                    && text.wholeMatch(of: /[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/) != nil
            case .path: text.hasPrefix("/") && !text.contains(":") && !text.split(separator: "/").contains("..")
            case .quantity:
                text.wholeMatch(of: /(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?\d+)?/) != nil
            case .percentage: text.wholeMatch(of: /\d{1,3}%/) != nil
            case .address: text.wholeMatch(of: /\d+\.\d+\.\d+\.\d+|[0-9a-f:]*:[0-9a-f:.]*/) != nil
            case .variable: text.wholeMatch(of: /[-._a-zA-Z][-._a-zA-Z0-9]*/) != nil
            case .portName: text.count <= 15 && text.wholeMatch(of: /[-a-z0-9]*[a-z][-a-z0-9]*/) != nil
            case .labelValue:
                text.count <= 63 && text.wholeMatch(of: /([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?/) != nil
            }
        }
    }

    /// The fields of an object.
    struct Fields: Sendable {
        /// Those that must be there.
        var required: [String: FieldType] = [:]
        /// Those that may be there.
        var optional: [String: FieldType] = [:]
        /// Of these exactly one must be there, when there are any.
        var alternatives: [String: FieldType] = [:]
    }

    /// An object that must have some fields and may have others.
    static func fields(
        _ required: [String: FieldType] = [:],
        optional: [String: FieldType] = [:],
        exactlyOneOf alternatives: [String: FieldType] = [:]
    ) -> FieldType {
        .object(Fields(required: required, optional: optional, alternatives: alternatives))
    }
}

extension FieldType {
    /// What is wrong with a value; each complaint begins with the place.
    func complaints(about node: JSONNode) -> [String] {
        func wrong(_ expected: String) -> [String] { ["\(node.path): \(Self.text(of: node.value)) is not \(expected)"] }
        switch (self, node.value) {
        case (.text, .string): return []
        case (.text, _): return wrong("a string")
        case (.matching(let pattern), .string(let text)): return pattern.holds(text) ? [] : wrong(pattern.rawValue)
        // As everybody writes `cpu: 1`.
        case (.matching(.quantity), .integer(let number)): return number >= 0 ? [] : wrong("an amount")
        case (.matching(let pattern), _): return wrong(pattern.rawValue)
        case (.oneOf(let words), .string(let text)):
            return words.contains(text) ? [] : wrong("one of \(words.sorted().joined(separator: ", "))")
        case (.oneOf, _): return wrong("a string")
        case (.boolean, .boolean): return []
        case (.boolean, _): return wrong("true or false")
        case (.integer(let range), .integer(let number)):
            return range.contains(number) ? [] : wrong("from \(range.lowerBound) to \(range.upperBound)")
        case (.integer, _): return wrong("a whole number")
        case (.either(let one, let other), _):
            let complaints = one.complaints(about: node)
            return complaints.isEmpty || other.complaints(about: node).isEmpty ? [] : complaints
        case (.list(let type), .array): return ((try? node.elements()) ?? []).flatMap(type.complaints)
        case (.listByKey(let key, let type), .array):
            let elements = (try? node.elements()) ?? []
            let keys = elements.compactMap { $0[key]?.value }
            let twice = keys.count == Set(keys).count ? [] : ["\(node.path): two elements have the same \(key)"]
            return twice + elements.flatMap(type.complaints)
        case (.list, _), (.listByKey, _): return wrong("a list")
        case (.map(let type), .object(let object)):
            return object.members.flatMap { type.complaints(about: Self.member($0, of: node)) }
        case (.map, _): return wrong("an object")
        case (.object(let fields), .object(let object)): return Self.complaints(about: object, of: node, fields)
        case (.object, _): return wrong("an object")
        }
    }

    private static func complaints(about object: JSONObject, of node: JSONNode, _ fields: Fields) -> [String] {
        let names = Set(object.members.map(\.key))
        var complaints = fields.required.keys.filter { !names.contains($0) }.sorted().map {
            "\(node.path).\($0) is missing"
        }
        for member in object.members {
            let type = fields.required[member.key] ?? fields.optional[member.key] ?? fields.alternatives[member.key]
            guard let type else {
                complaints.append("\(node.path).\(member.key): there is no such field")
                continue
            }
            complaints += type.complaints(about: Self.member(member, of: node))
        }
        let present = names.intersection(fields.alternatives.keys)
        if !fields.alternatives.isEmpty, present.count != 1 {
            let all = fields.alternatives.keys.sorted().joined(separator: ", ")
            complaints.append("\(node.path): has \(present.count) of \(all), must have one")
        }
        return complaints
    }

    private static func member(_ member: JSONObject.Member, of node: JSONNode) -> JSONNode {
        JSONNode(member.value, path: "\(node.path).\(member.key)")
    }

    private static func text(of value: JSONValue) -> String { String(decoding: value.text(), as: UTF8.self) }
}
