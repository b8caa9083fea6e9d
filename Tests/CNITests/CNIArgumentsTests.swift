// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Testing

@Suite struct CNIArgumentsTests {
    @Test func `pairs are separated by semicolons`() throws {
        let arguments = try CNIArguments("IP=10.0.0.1;MAC=02:00:00:00:00:01;IP=10.0.0.2", known: ["IP", "MAC"])
        #expect(arguments["IP"] == "10.0.0.2")
        #expect(arguments["MAC"] == "02:00:00:00:00:01")
        #expect(arguments["GATEWAY"] == nil)
        #expect(arguments.pairs.map(\.key) == ["IP", "MAC", "IP"])
        #expect(try CNIArguments("IP=", known: ["IP"])["IP"] == "")
        #expect(try CNIArguments("", known: []) == CNIArguments())
    }

    @Test(arguments: [";", "IP", "IP=1;", ";IP=1", "IP=1=2", "IP=1;;MAC=2"])
    func `what is no pair is quoted`(text: String) {
        let error = #expect(throws: CNIError.self) { try CNIArguments(text, known: ["IP", "MAC"]) }
        #expect(error?.code == .invalidEnvironment)
        #expect(error?.message.contains("is not KEY=value") == true)
    }

    @Test(arguments: ["ip=1", "FOO=1", "IP=1;K8S_POD_NAME=x", "FOO=1;IgnoreUnknown=0", "FOO=1;IgnoreUnknown=false"])
    func `unknown keys are an error`(text: String) {
        let error = #expect(throws: CNIError.self) { try CNIArguments(text, known: ["IP"]) }
        #expect(error?.code == .invalidEnvironment)
        #expect(error?.message.contains("unknown args [") == true)
    }

    @Test(arguments: ["IgnoreUnknown=1;FOO=1", "FOO=1;IgnoreUnknown=true", "FOO=1;IgnoreUnknown=TRUE"])
    func `unless they are to be ignored`(text: String) throws {
        #expect(try CNIArguments(text, known: ["IP"])["FOO"] == "1")
    }

    @Test func `a setting that is no boolean is an error`() {
        let error = #expect(throws: CNIError.self) { try CNIArguments("IgnoreUnknown=maybe", known: []) }
        #expect(error?.message.contains("maybe") == true)
    }
}
