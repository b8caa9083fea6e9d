// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import Testing

@Suite struct JSONObjectTests {
    @Test func `the exact spelling is preferred`() {
        let object = JSONObject([("name", 1)])
        #expect(object["NAME"] == 1)
        #expect(object["nam"] == nil)
        let both = try? JSONValue(parsing: #"{"NAME":1,"name":2,"Name":3}"#.utf8).object
        #expect(both?["name"] == 2)
        #expect(both?["Name"] == 3)
        #expect(both?["nAmE"] == 3)
    }

    @Test func `only ASCII letters fold`() throws {
        let object = try #require(try JSONValue(parsing: #"{"É":1,"a_b":2,"k@":3}"#.utf8).object)
        #expect(object["é"] == nil)
        #expect(object["A_B"] == 2)
        // '@' and '`' differ in the same bit as letters do.
        #expect(object["k`"] == nil)
    }

    @Test func `members are set, replaced and removed in place`() {
        var object = JSONObject([("a", 1), ("b", 2)])
        object["a"] = 3
        object["c"] = 4
        object["b"] = nil
        object["x"] = nil
        #expect(object.members.map(\.key) == ["a", "c"])
        #expect(object["a"] == 3)
    }
}
