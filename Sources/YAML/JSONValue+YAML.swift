// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CYAML
public import JSON

extension JSONValue {
    /// How many values a document may have once its aliases are written out.
    ///
    /// A few lines of aliases to aliases stand for billions.
    private static var maximumCount: Int { 100_000 }

    /// Reads the first document of a YAML text (1.1 as libyaml has it, with the types of the core schema of 1.2).
    ///
    /// Plain scalars may be null, Booleans and numbers; all others are strings. Keys are strings.
    ///
    /// - Throws: ``JSONError`` with the line and column where the text stops being YAML.
    public init(yaml text: some Sequence<UInt8>) throws(JSONError) {
        let bytes = Array(text)
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { throw JSONError(.syntax, at: "", "out of memory") }
        defer { yaml_parser_delete(&parser) }
        var document = yaml_document_t()
        // The parser reads from the buffer it was given, so both live in here.
        let isLoaded = bytes.withUnsafeBufferPointer { buffer in
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            return yaml_parser_load(&parser, &document) == 1
        }
        guard isLoaded else {
            let place = "line \(parser.problem_mark.line + 1), column \(parser.problem_mark.column + 1)"
            let reason = parser.problem.map { String(cString: $0) } ?? "cannot be read"
            throw JSONError(.syntax, at: "", "not a YAML document: \(place): \(reason)")
        }
        defer { yaml_document_delete(&document) }
        guard let root = yaml_document_get_root_node(&document) else {
            throw JSONError(.syntax, at: "", "not a YAML document: the document is empty")
        }
        var reader = Reader(document: document, budget: Self.maximumCount)
        self = try reader.value(of: root, depth: 0)
    }

    /// Turns nodes, which know others by their numbers, into values.
    private struct Reader {
        var document: yaml_document_t
        /// How many values may still come.
        var budget: Int

        mutating func value(
            of node: UnsafeMutablePointer<yaml_node_t>,
            depth: Int
        ) throws(JSONError) -> JSONValue {
            budget -= 1
            guard depth <= JSONValue.maximumDepth, budget >= 0 else {
                throw JSONError(.syntax, at: "", "not a usable YAML document: too many values, or nested too deep")
            }
            switch node.pointee.type {
            case YAML_SEQUENCE_NODE:
                let items = node.pointee.data.sequence.items
                var elements: [JSONValue] = []
                var item = items.start
                while let current = item, item != items.top {
                    elements.append(try value(number: current.pointee, depth: depth + 1))
                    item = current + 1
                }
                return .array(elements)
            case YAML_MAPPING_NODE:
                let pairs = node.pointee.data.mapping.pairs
                var members: [(String, JSONValue)] = []
                var pair = pairs.start
                while let current = pair, pair != pairs.top {
                    guard let key = yaml_document_get_node(&document, current.pointee.key),
                        key.pointee.type == YAML_SCALAR_NODE
                    else { throw JSONError(.syntax, at: "", "not a usable YAML document: a key is no scalar") }
                    members.append((Self.text(of: key), try value(number: current.pointee.value, depth: depth + 1)))
                    pair = current + 1
                }
                return .object(JSONObject(members))
            default:
                let text = Self.text(of: node)
                guard node.pointee.data.scalar.style == YAML_PLAIN_SCALAR_STYLE else { return .string(text) }
                return JSONValue(plainScalar: text)
            }
        }

        private mutating func value(number: Int32, depth: Int) throws(JSONError) -> JSONValue {
            guard let node = yaml_document_get_node(&document, number) else { return .null }
            return try value(of: node, depth: depth)
        }

        private static func text(of node: UnsafeMutablePointer<yaml_node_t>) -> String {
            let scalar = node.pointee.data.scalar
            return String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        }
    }

    /// What a scalar without quotes stands for.
    private init(plainScalar text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .boolean(true)
        case "false", "False", "FALSE": self = .boolean(false)
        default:
            let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
            if isNumber, let integer = Int64(text) {
                self = .integer(integer)
            } else if isNumber, let real = Double(text) {
                self = .real(real)
            } else {
                self = .string(text)
            }
        }
    }
}
