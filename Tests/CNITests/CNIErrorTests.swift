// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import JSON
internal import Testing

@Suite struct CNIErrorTests {
    @Test(arguments: SpecVersion.all)
    func `the document has version, code, message, and details when there are any`(version: SpecVersion) {
        let name = JSONValue.string(version.description)
        #expect(
            CNIError(.tryAgainLater, "wait", details: "why").document(version: version)
                == ["cniVersion": name, "code": 11, "msg": "wait", "details": "why"]
        )
        #expect(
            CNIError(.invalidConfiguration, "no").document(version: version)
                == ["cniVersion": name, "code": 7, "msg": "no"]
        )
    }

    @Test func `a document is read back, also a reference's without version`() {
        let error = CNIError(.kernel, "m", details: "d")
        #expect(CNIError(document: error.document(version: .v1_0_0)) == error)
        #expect(CNIError(document: ["code": 999, "msg": "x"]) == CNIError(.init(rawValue: 999), "x"))
        #expect(CNIError(document: ["Code": 5, "MSG": "x"]) == CNIError(.inputOutput, "x"))
        #expect(CNIError(document: ["code": 5]) == CNIError(.inputOutput, ""))
    }

    @Test(
        arguments: [[], "x", ["msg": "x"], ["code": 0, "msg": "x"], ["code": "5", "msg": "x"], .null] as [JSONValue]
    )
    func `other documents are no errors`(document: JSONValue) { #expect(CNIError(document: document) == nil) }

    @Test func `the codes are those of the specification`() {
        let codes: [CNIError.Code] = [
            .incompatibleVersion, .unsupportedField, .unknownContainer, .invalidEnvironment, .inputOutput, .decoding,
            .invalidConfiguration, .invalidNamespace, .tryAgainLater, .unavailable, .limitedConnectivity,
        ]
        #expect(codes.map(\.rawValue) == [1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 51])
        let own: [CNIError.Code] = [
            .kernel, .addressUnavailable, .alreadyExists, .checkFailed, .delegation, .conflict, .interrupted,
        ]
        #expect(own.allSatisfy { $0.rawValue >= 100 })
        #expect(Set(own).count == own.count)
    }

    @Test func `details gather lines`() {
        let error = CNIError(.kernel, "m").adding(details: "").adding(details: "a").adding(details: "b")
        #expect(error.details == "a\nb")
        #expect(error.description == "m (a\nb)")
        #expect(CNIError(.kernel, "m").description == "m")
    }

    @Test func `no JSON is code 6, wrong JSON code 7`() throws {
        let syntax = try #require(throws: JSONError.self) { try JSONValue(parsing: "{".utf8) }
        #expect(CNIError(syntax).code == .decoding)
        let content = try #require(throws: JSONError.self) { try JSONNode(["a": 1]).requiredMember("a").string() }
        #expect(CNIError(content).code == .invalidConfiguration)
        #expect(CNIError(content, in: "CAP_ARGS").message == "CAP_ARGS: a: is a number (1), must be a string")
    }
}
