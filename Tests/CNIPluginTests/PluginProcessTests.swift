// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import CNIPlugin
import JSON
import LinuxSystem
import LinuxTesting
import Testing

@Suite struct `A plugin process` {
    private func network(_ version: String = "1.1.0", _ more: (String, JSONValue)...) -> JSONValue {
        .object(JSONObject([("cniVersion", .string(version)), ("name", "net"), ("type", "obedient")] + more))
    }

    private func code(_ invocation: Invocation) throws -> JSONValue? {
        let output = invocation.run()
        #expect(output.status == 1)
        return try JSONValue(parsing: output.standardOutput).object?["code"]
    }

    @Test(arguments: SpecVersion.all)
    func `prints the result of an ADD in the configuration's version`(version: SpecVersion) throws {
        let invocation = Invocation("ADD", network(version.description))
        #expect(invocation.run().status == 0)
        let document = try invocation.document()
        #expect(document["cniVersion"] == .string(version.description))
        #expect((document["interfaces"] != nil) == (version >= .v0_3_0))
        let interface = document["interfaces"]?.array?.first?.object
        #expect((interface?["mtu"] != nil) == (version >= .v1_1_0))
    }

    @Test(arguments: ["DEL", "STATUS", "GC"])
    func `prints nothing when other verbs succeed`(verb: String) {
        let output = Invocation(verb, network("1.1.0", ("cni.dev/valid-attachments", []))).run()
        #expect(output.status == 0)
        #expect(output.standardOutput.isEmpty)
    }

    @Test func `names every missing variable in one error`() throws {
        var invocation = Invocation("ADD", network())
        invocation.environment = ["CNI_COMMAND": "ADD", "CNI_IFNAME": "eth0"]
        let document = try invocation.document()
        #expect(document["code"] == 4)
        #expect(document["msg"] == "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_PATH] missing")
    }

    @Test func `does not need a namespace for DEL`() throws {
        let directory = try TemporaryDirectory()
        let journal = directory.appending("journal")
        var invocation = Invocation("DEL", network("1.0.0", ("journal", .string(journal))))
        invocation.environment["CNI_NETNS"] = nil
        #expect(invocation.run().status == 0)
        #expect(try String(decoding: File.contents(of: journal), as: UTF8.self) == "delete in nothing\n")
    }

    @Test(arguments: [
        ("", 6), ("{", 6), ("nonsense", 6), ("[]", 7), ("{}", 7), ("{\"name\": 3}", 7), ("{\"name\": \"../up\"}", 7),
        ("{\"cniVersion\": \"9.9.9\"}", 1), ("{\"cniVersion\": \"0.4\", \"name\": \"a\"}", 1),
        ("{\"cniVersion\": 1, \"name\": \"a\"}", 7), (String(repeating: "[", count: 5000), 6),
    ])
    func `answers a bad document with the specification's code`(input: String, expected: Int) throws {
        var invocation = Invocation("ADD", network())
        invocation.input = input
        #expect(try code(invocation) == .integer(Int64(expected)))
    }

    @Test(arguments: [
        ("CNI_CONTAINERID", "../x"), ("CNI_CONTAINERID", "-x"), ("CNI_IFNAME", "a/b"),
        ("CNI_IFNAME", "sixteen-letters-"),
    ])
    func `refuses names that would be paths`(variable: String, value: String) throws {
        var invocation = Invocation("ADD", network())
        invocation.environment[variable] = value
        #expect(try code(invocation) == 4)
    }

    @Test(arguments: [("CHECK", "0.3.1"), ("GC", "1.0.0"), ("STATUS", "1.0.0")])
    func `refuses verbs that the version does not have`(verb: String, version: String) throws {
        #expect(try code(Invocation(verb, network(version))) == 1)
    }

    @Test func `refuses GC without a list of attachments, and takes an empty one as all stale`() throws {
        #expect(try code(Invocation("GC", network())) == 7)
        let directory = try TemporaryDirectory()
        let journal = directory.appending("journal")
        let invocation = Invocation(
            "GC",
            network("1.1.0", ("journal", .string(journal)), ("cni.dev/valid-attachments", []))
        )
        #expect(invocation.run().status == 0)
        #expect(try String(decoding: File.contents(of: journal), as: UTF8.self) == "keep []\n")
    }

    @Test(arguments: ["ADD", "CHECK"])
    func `refuses its own namespace before anything has changed`(verb: String) throws {
        var invocation = Invocation(verb, network())
        invocation.environment["CNI_NETNS"] = "/proc/self/ns/net"
        #expect(try code(invocation) == 8)
        invocation.environment["CNI_NETNS_OVERRIDE"] = "true"
        #expect(verb == "CHECK" ? try code(invocation) == 7 : invocation.run().status == 0)
    }

    @Test func `takes its own namespace as gone on DEL`() throws {
        let directory = try TemporaryDirectory()
        let journal = directory.appending("journal")
        var invocation = Invocation("DEL", network("1.0.0", ("journal", .string(journal))))
        invocation.environment["CNI_NETNS"] = "/proc/self/ns/net"
        #expect(invocation.run().status == 0)
        #expect(try String(decoding: File.contents(of: journal), as: UTF8.self) == "delete in nothing\n")
    }

    @Test func `undoes a failed ADD newest first and says what it could not undo`() throws {
        let directory = try TemporaryDirectory()
        let journal = directory.appending("journal")
        let document = try Invocation(
            "ADD",
            network("1.0.0", ("journal", .string(journal)), ("failWith", 11), ("failUndo", "second"))
        ).document()
        #expect(document["code"] == 11)
        #expect(document["details"] == "by the test\ncould not undo: undo second: second is stuck")
        #expect(try String(decoding: File.contents(of: journal), as: UTF8.self) == "undo second\nundo first\n")
    }

    @Test func `undoes nothing after a successful ADD`() throws {
        let directory = try TemporaryDirectory()
        let journal = directory.appending("journal")
        #expect(Invocation("ADD", network("1.0.0", ("journal", .string(journal)))).run().status == 0)
        #expect(try File.contentsIfPresent(of: journal) == nil)
    }

    @Test func `answers VERSION in the version asked, on one line`() throws {
        let output = Invocation("VERSION", ["cniVersion": "0.4.0"]).run()
        #expect(
            String(decoding: output.standardOutput, as: UTF8.self)
                == "{\"cniVersion\":\"0.4.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\","
                + "\"1.0.0\",\"1.1.0\"]}\n"
        )
    }

    @Test(arguments: ["", "{", "{\"cniVersion\": \"7.0.0\"}"])
    func `answers VERSION in the newest version when it is not asked in a known one`(input: String) throws {
        var invocation = Invocation("VERSION", [:])
        invocation.input = input
        #expect(try invocation.document()["cniVersion"] == "1.1.0")
    }

    @Test func `explains itself when it is run without a command`() {
        var invocation = Invocation("", network())
        invocation.environment = [:]
        let output = invocation.run()
        #expect(output.status == 0)
        #expect(output.standardOutput.isEmpty)
        #expect(output.standardError.first?.contains("obedient") == true)
    }

    @Test(
        arguments: [
            ("COLOUR=red", nil), ("COLOUR=red;SIZE=1;IgnoreUnknown=1", nil), ("SIZE=1", 4), ("COLOUR", 4),
            ("COLOUR=a=b", 4),
            ("COLOUR=red;", 4), ("COLOUR=red;IgnoreUnknown=perhaps", 4),
        ] as [(String, Int?)]
    )
    func `reads CNI_ARGS by the reference's rules`(arguments: String, expected: Int?) throws {
        var invocation = Invocation("ADD", network())
        invocation.environment["CNI_ARGS"] = arguments
        if let expected {
            #expect(try code(invocation) == .integer(Int64(expected)))
        } else {
            #expect(try invocation.document()["dns"]?.object?["domain"] == "red")
        }
    }
}
