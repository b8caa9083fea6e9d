// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIRuntime
internal import JSON
internal import Testing

@Suite struct NetworkListTests {
    private func read(_ text: String) throws(CNIError) -> NetworkList {
        let document: JSONValue
        do { document = try JSONValue(parsing: text.utf8) } catch { throw CNIError(error) }
        return try NetworkList(document: document, source: Array(text.utf8))
    }

    @Test func `a list keeps its plugins, capabilities and text`() throws {
        let text =
            #"{"name":"n","cniVersion":"1.0.0","plugins":[{"type":"a","capabilities":{"x":true,"y":false}},{"type":"b"}]}"#
        let list = try read(text)
        #expect(list.name == "n")
        #expect(list.version == .v1_0_0)
        #expect(list.plugins.map(\.type) == ["a", "b"])
        #expect(list.plugins.map(\.capabilities) == [["x"], []])
        #expect(list.source == Array(text.utf8))
        #expect(!list.checkDisabled && !list.garbageCollectionDisabled && !list.loadsOnlyInlinedPlugins)
    }

    @Test(arguments: [
        (#""cniVersion":"0.4.0""#, "0.4.0"),
        (#""cniVersion":"0.4.0","cniVersions":["1.0.0","1.1.0"]"#, "1.1.0"),
        (#""cniVersion":"1.0.0","cniVersions":["1.2.0","0.3.1"]"#, "1.0.0"),
        (#""cniVersions":["0.3.1","1.0.0","9.0.0"]"#, "1.0.0"),
        (#""cniVersion":"1.2.0""#, "1.2.0"),
        (#""cniVersion":"1.2.0","cniVersions":["1.3.0"]"#, "1.2.0"),
        (#""cniVersion":"""#, ""),
        (#""x":1"#, ""),
    ])
    func `the highest version that is known wins`(members: String, expected: String) throws {
        let list = try read(#"{"name":"n","plugins":[{"type":"a"}],\#(members)}"#)
        #expect(list.versionText == expected)
        #expect(list.version == (expected.isEmpty ? .v0_1_0 : SpecVersion(expected)))
    }

    @Test(arguments: [
        #"{"plugins":[{"type":"a"}]}"#: "name",
        #"{"name":7,"plugins":[{"type":"a"}]}"#: "name",
        #"{"name":"../x","plugins":[{"type":"a"}]}"#: "name",
        #"{"name":"n","plugins":[]}"#: "plugins",
        #"{"name":"n","plugins":{}}"#: "plugins",
        #"{"name":"n","loadOnlyInlinedPlugins":true}"#: "plugins",
        #"{"name":"n","plugins":[{"type":"a"},{}]}"#: "plugins[1].type",
        #"{"name":"n","plugins":[{"type":""}]}"#: "plugins[0].type",
        #"{"name":"n","plugins":[{"type":"a","capabilities":[]}]}"#: "plugins[0].capabilities",
        #"{"name":"n","cniVersion":"one","plugins":[{"type":"a"}]}"#: "cniVersion",
        #"{"name":"n","cniVersion":"1.0.0","cniVersions":["1.0.x"],"plugins":[{"type":"a"}]}"#: "cniVersions[0]",
        #"{"name":"n","cniVersions":["2.0.0"],"plugins":[{"type":"a"}]}"#: "cniVersions",
        #"{"name":"n","disableCheck":"yes","plugins":[{"type":"a"}]}"#: "disableCheck",
        #"{"name":"n","disableGC":1,"plugins":[{"type":"a"}]}"#: "disableGC",
    ])
    func `a wrong member is named`(text: String, path: String) throws {
        let error = #expect(throws: CNIError.self) { try self.read(text) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(": \(path): ") == true, "\(error?.message ?? "no error")")
    }

    @Test(arguments: ["true", "\"true\"", "\"TRUE\"", "\"True\""])
    func `booleans may be strings`(text: String) throws {
        let list = try read(
            #"{"name":"n","disableCheck":\#(text),"disableGC":\#(text),"loadOnlyInlinedPlugins":\#(text),"plugins":[{"type":"a"}]}"#
        )
        #expect(list.checkDisabled && list.garbageCollectionDisabled && list.loadsOnlyInlinedPlugins)
        let opposite = try read(#"{"name":"n","disableCheck":"False","plugins":[{"type":"a"}]}"#)
        #expect(!opposite.checkDisabled)
    }

    @Test func `a single plugin becomes a list of one`() throws {
        let document: JSONValue = ["cniVersion": "0.3.1", "name": "n", "type": "a", "extra": [1, 2]]
        let list = try NetworkList(singlePlugin: document)
        #expect(list.name == "n")
        #expect(list.versionText == "0.3.1")
        #expect(list.plugins.count == 1)
        #expect(JSONValue.object(list.plugins[0].document) == document)
        let written = try JSONValue(parsing: list.source)
        #expect(written == ["name": "n", "cniVersion": "0.3.1", "plugins": [document]])
    }
}
