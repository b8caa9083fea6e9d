// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import Testing
internal import YAML

/// Documents in YAML as values.
@Suite struct YAMLTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(yaml: Array(text.utf8)) }

    @Test func `mappings, sequences and scalars become members, elements and values`() throws {
        let text = """
            apiVersion: v1
            list:
            - name: "true"
              value: true
            - {name: 'x: y', value: [1, -2.5, 1e3, ~, null, 0x10, 1.2.3, -, +]}
            block: |
              one
              two
            folded: >-
              one
              two
            empty:
            # a comment
            """
        #expect(
            try parse(text) == [
                "apiVersion": "v1",
                "list": [
                    ["name": "true", "value": true],
                    [
                        "name": "x: y",
                        "value": [1, .real(-2.5), .real(1000), .null, .null, "0x10", "1.2.3", "-", "+"],
                    ],
                ],
                "block": "one\ntwo\n", "folded": "one two", "empty": .null,
            ]
        )
    }

    @Test func `JSON is YAML, and aliases are written out`() throws {
        #expect(try parse(#"{"a":[1,"\u00e4"],"b":{}}"#) == ["a": [1, "ä"], "b": [:]])
        #expect(try parse("a: &x [1]\nb: *x\n") == ["a": [1], "b": [1]])
    }

    @Test(arguments: [
        ("a: [1", "line 2"), ("\ta: 1", "line 1"), ("a: b: c", "line 1, column 5"), ("", "empty"),
        ("? [a]\n: b", "key"), ("a: *x", "alias"), ("a: \"\u{1}\"", "line"),
    ])
    func `what cannot be read is refused with its place`(text: String, words: String) throws {
        let error = #expect(throws: JSONError.self) { try parse(text) }
        #expect(error?.description.contains(words) == true, "\(error as Any)")
    }

    @Test func `a document that multiplies itself or nests without end is refused`() throws {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 {
            bomb +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
                + "]\n"
        }
        #expect(throws: JSONError.self) { try parse(bomb) }
        #expect(throws: JSONError.self) {
            try parse(String(repeating: "[", count: 500) + String(repeating: "]", count: 500))
        }
        #expect(throws: JSONError.self) { try parse("&a [*a]") }
    }
}
