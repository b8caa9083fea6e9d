// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import Testing

@Suite struct JSONNodeTests {
    private let root = JSONNode([
        "ipam": ["ranges": [[["subnet": "10.0.0.0/8"]], []]], "flag": true, "number": 5, "real": .real(1500),
        "none": .null,
        "half": .real(0.5), "list": ["a", 1],
    ])

    @Test func `a path leads to every value`() throws {
        let sets = try root.requiredMember("ipam").requiredMember("ranges").elements()
        let range = try #require(try sets[0].elements().first)
        #expect(try range.requiredMember("subnet").path == "ipam.ranges[0][0].subnet")
        #expect(try range.requiredMember("subnet").string() == "10.0.0.0/8")
    }

    @Test func `absent and null are the same`() throws {
        #expect(root["none"] == nil)
        #expect(try root.member("absent") == nil)
        let error = #expect(throws: JSONError.self) { try root.requiredMember("none") }
        #expect(error?.description == "none: is required but missing")
    }

    @Test func `a wrong type says what was found and what should be`() {
        for (read, text) in [
            ({ _ = try $0["flag"]?.string() }, "flag: is a boolean (true), must be a string"),
            ({ _ = try $0["number"]?.boolean() }, "number: is a number (5), must be true or false"),
            ({ _ = try $0["half"]?.integer() }, "half: is a number (0.5), must be an integer"),
            ({ _ = try $0["flag"]?.object() }, "flag: is a boolean (true), must be an object"),
            ({ _ = try $0["flag"]?.elements() }, "flag: is a boolean (true), must be an array"),
            ({ _ = try $0["list"]?.strings() }, "list[1]: is a number (1), must be a string"),
            ({ _ = try $0["flag"]?.member("x") }, "flag: is a boolean (true), must be an object"),
            ({ _ = try $0["number"]?.integer(in: 0...4) }, "number: is 5, must be 0 to 4"),
        ] as [((JSONNode) throws -> Void, String)] {
            let error = #expect(throws: JSONError.self) { try read(root) }
            #expect(error?.description == text)
            #expect(error?.code == .content)
        }
    }

    @Test func `an integral real is an integer`() throws {
        #expect(try root.requiredMember("real").integer() == 1500)
        #expect(throws: JSONError.self) { try JSONNode(.real(1e300)).integer() }
        #expect(throws: JSONError.self) { try JSONNode(.real(.infinity)).integer() }
    }

    @Test func `a long value is cut short in a complaint`() {
        let error = #expect(throws: JSONError.self) {
            try JSONNode(.string(String(repeating: "x", count: 10_000)), path: "p").boolean()
        }
        #expect((error?.description.utf8.count ?? .max) < 150)
    }
}
