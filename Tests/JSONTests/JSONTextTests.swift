// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import Testing

@Suite struct JSONTextTests {
    @Test(
        arguments: [
            ("null", .null), ("true", true), ("false", false), ("0", 0), ("-1", -1),
            ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)), ("1.5", .real(1.5)), ("1e3", .real(1000)), (#""a""#, "a"),
            (#""\u00e9\ud83d\ude00\/""#, "é😀/"), (#""a\u0000b""#, "a\0b"), ("[]", []), ("[1,[2]]", [1, [2]]),
            ("{}", [:]),
            (#" { "b" : 1 , "a" : [ ] } "#, ["b": 1, "a": []]), (#"{"":1}"#, ["": 1]),
        ] as [(String, JSONValue)]
    )
    func `documents are read`(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text.utf8) == value)
        #expect(try JSONValue(parsing: value.text()) == value)
        #expect(try JSONValue(parsing: value.text(.indented)) == value)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "'a'", "nul", "01", "1.", "+1", "\"", "\"\\x\"",
        "\"\n\"",
        "1 2", "{} {}", "{}x", "\u{feff}{}", "9223372036854775808", "1e999", "\"\\ud800\"", "NaN", "// x\n1",
    ])
    func `what is no document is refused`(text: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8) }
        #expect(error?.code == .syntax)
        #expect(error?.description.contains("not a JSON document") == true)
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        for bytes in [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0xfe, 0xff]]
            as [[UInt8]]
        {
            #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
        }
    }

    @Test func `a syntax error tells line and column`() {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "{\n  \"a\": x\n}".utf8) }
        #expect(error?.reason.contains("line 2, column") == true)
    }

    @Test func `members keep their order, of equal keys the last wins`() throws {
        let value = try JSONValue(parsing: #"{"z":1,"a":2,"m":3,"a":4}"#.utf8)
        #expect(value.object?["a"] == 4)
        #expect(value.object?.members.count == 3)
        #expect(value.object?.members.first?.key == "z")
        #expect(
            String(decoding: JSONValue(dictionaryLiteral: ("z", 1), ("a", 2)).text(), as: UTF8.self)
                == #"{"z":1,"a":2}"#
        )
    }

    @Test func `nesting has a limit`() throws {
        let limit = JSONValue.maximumDepth
        let deep = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        _ = try JSONValue(parsing: deep.utf8)
        for depth in [limit + 2, 2000, 100_000, 1_000_000] {
            let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8) }
            #expect(error?.code == .syntax)
            let objects = String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
            #expect(throws: JSONError.self) { try JSONValue(parsing: objects.utf8) }
        }
    }

    @Test func `indented text has four spaces`() {
        let text = String(decoding: JSONValue(dictionaryLiteral: ("a", [1])).text(.indented), as: UTF8.self)
        #expect(text == "{\n    \"a\": [\n        1\n    ]\n}")
    }

    @Test func `control characters are escaped`() throws {
        let value = JSONValue.string("\u{1}\n\"\\\0")
        let text = value.text()
        #expect(text.allSatisfy { $0 >= 0x20 })
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test func `mutated documents never crash`() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = Array(#"{"cniVersion":"1.0.0","name":"n","a":[1,2.5,null,true,"é\u0000"],"b":{"c":{}}}"#.utf8)
        for _ in 0..<5_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = .random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(.random(in: 0...255, using: &generator), at: index)
                }
            }
            if let value = try? JSONValue(parsing: bytes) { #expect(try JSONValue(parsing: value.text()) == value) }
        }
    }
}
