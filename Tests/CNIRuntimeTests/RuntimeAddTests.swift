// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import CNIRuntime
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct RuntimeAddTests {
    @Test func `each plugin gets the result of the one before it`() throws {
        let laboratory = try Laboratory(script: [
            "first": ["ADD": ["result": result("10.0.0.1/24")]],
            "second": ["ADD": ["result": result("10.0.0.2/24")]],
            "third": ["ADD": ["passPreviousResult": true]],
        ])
        let answer = try laboratory.runtime.add(try attachment(), to: try list(), rollback: true)
        #expect(answer == result("10.0.0.2/24"))
        let calls = try laboratory.plugins.calls()
        #expect(calls.map(\.summary) == ["ADD first", "ADD second", "ADD third"])
        #expect(calls.map { $0.input["prevResult"]?.value } == [nil, result("10.0.0.1/24"), result("10.0.0.2/24")])
        for call in calls {
            #expect(call.input["name"]?.value == "lab")
            #expect(call.input["cniVersion"]?.value == "1.1.0")
            #expect(call.input["type"]?.value.string == call.plugin)
            #expect(call["CNI_CONTAINERID"] == "c1")
            #expect(call["CNI_NETNS"] == "/run/netns/c1")
            #expect(call["CNI_IFNAME"] == "eth0")
            #expect(call["CNI_ARGS"] == "")
            #expect(call["CNI_PATH"] == laboratory.plugins.path)
            #expect(call["HOME"] == "/root")
        }
        let cached = JSONNode(try JSONValue(parsing: try File.contents(of: laboratory.file())))
        #expect(cached["result"]?.value == answer)
        #expect(laboratory.remarks.isEmpty)
    }

    @Test func `capabilities reach the plugins that ask for them`() throws {
        let laboratory = try Laboratory(script: [
            "first": ["ADD": ["result": [:]]], "second": ["ADD": ["passPreviousResult": true]],
            "third": ["ADD": ["passPreviousResult": true]],
        ])
        let document: JSONValue = [
            "name": "lab", "cniVersion": "1.0.0",
            "plugins": [
                ["type": "first", "capabilities": ["mac": true, "ips": false], "runtimeConfig": ["mine": 1]],
                ["type": "second", "capabilities": ["portMappings": true], "runtimeConfig": ["mine": 2]],
                ["type": "third"],
            ],
        ]
        let network = try NetworkList(document: document, source: document.text())
        let capabilities = JSONObject([("mac", "02:00:00:00:00:01"), ("ips", ["10.0.0.9/24"])])
        let attachment = try attachment(
            arguments: [.init(key: "IgnoreUnknown", value: "1"), .init(key: "POD", value: "p")],
            capabilities: capabilities
        )
        try laboratory.runtime.add(attachment, to: network, rollback: false)
        let calls = try laboratory.plugins.calls()
        #expect(
            calls.map { $0.input["runtimeConfig"]?.value } == [["mac": "02:00:00:00:00:01"], ["mine": 2], nil]
        )
        #expect(calls.allSatisfy { $0["CNI_ARGS"] == "IgnoreUnknown=1;POD=p" })
    }

    @Test func `other spellings of injected keys do not survive`() throws {
        let laboratory = try Laboratory(script: ["first": ["ADD": ["result": [:]]]])
        let document: JSONValue = [
            "name": "lab", "cniVersion": "1.0.0",
            "plugins": [["type": "first", "NAME": "wrong", "cniversion": "0.1.0", "PrevResult": ["x": 1]]],
        ]
        try laboratory.runtime.add(
            try attachment(),
            to: try NetworkList(document: document, source: []),
            rollback: false
        )
        let input = try #require(try laboratory.plugins.calls().first?.input.value.object)
        #expect(input.members.filter { $0.key.lowercased() == "name" }.map(\.value) == ["lab"])
        #expect(input.members.filter { $0.key.lowercased() == "cniversion" }.map(\.value) == ["1.0.0"])
    }

    @Test func `a result of another version is converted`() throws {
        let laboratory = try Laboratory(script: [
            "first": [
                "ADD": [
                    "result": [
                        "cniVersion": "1.1.0", "ips": [["address": "10.0.0.1/24"]],
                        "routes": [["dst": "0.0.0.0/0", "mtu": 1400]],
                    ]
                ]
            ]
        ])
        let answer = try laboratory.runtime.add(
            try attachment(),
            to: try list(["first"], version: "0.4.0"),
            rollback: false
        )
        #expect(
            answer == [
                "cniVersion": "0.4.0", "ips": [["version": "4", "address": "10.0.0.1/24"]],
                "routes": [["dst": "0.0.0.0/0"]], "dns": [:],
            ]
        )
    }

    @Test func `a result without version is one of the network's, unknown members included`() throws {
        let laboratory = try Laboratory(script: ["first": ["ADD": ["result": ["ips": [], "vendor": ["x": 1]]]]])
        let answer = try laboratory.runtime.add(try attachment(), to: try list(["first"]), rollback: false)
        #expect(answer == ["ips": [], "vendor": ["x": 1], "cniVersion": "1.1.0"])
    }

    @Test func `a failure tells network, plugin, place and verb, and keeps the plugin's code`() throws {
        let laboratory = try Laboratory(script: [
            "first": ["ADD": ["result": result("10.0.0.1/24")]],
            "second": ["ADD": ["error": ["code": 11, "msg": "not yet", "details": "wait"], "stderr": "a hint\n"]],
        ])
        let error = failure {
            try laboratory.runtime.add(try attachment(), to: try list(), rollback: false)
        }
        #expect(error?.step?.plugin == "second")
        #expect(error?.step?.position == 2)
        #expect(error?.step?.count == 3)
        #expect(error?.step?.verb == .add)
        #expect(error?.step?.network == "lab")
        #expect(error?.cause.code == .tryAgainLater)
        #expect(error?.description.contains("ADD of network \"lab\": plugin 2 of 3, second: not yet (code 11)") == true)
        #expect(error?.description.contains("a hint") == true)
        #expect(try laboratory.calls() == ["ADD first", "ADD second"])
        #expect(!File.isRegular(laboratory.file()))
    }

    @Test func `rollback undoes all plugins last first, and the original failure comes first`() throws {
        let laboratory = try Laboratory(script: [
            "first": ["ADD": ["result": result("10.0.0.1/24")]],
            "second": ["ADD": ["error": ["code": 7, "msg": "no"]], "DEL": ["error": ["code": 100, "msg": "stuck"]]],
        ])
        let error = failure {
            try laboratory.runtime.add(try attachment(), to: try list(), rollback: true)
        }
        #expect(try laboratory.calls() == ["ADD first", "ADD second", "DEL third", "DEL second", "DEL first"])
        #expect(error?.cause.message == "no")
        #expect(error?.consequences.map(\.cause.message) == ["stuck"])
        #expect(error?.consequences.first?.step?.verb == .delete)
        let deletions = try laboratory.plugins.calls().suffix(3)
        #expect(deletions.allSatisfy { $0.input["prevResult"]?.value == result("10.0.0.1/24") })
    }

    @Test(arguments: [true, false])
    func `a second ADD that fails does not take the first one's network away`(damaged: Bool) throws {
        let laboratory = try Laboratory(script: ["first": ["ADD": ["result": result("10.0.0.1/24")]]])
        try laboratory.runtime.add(try attachment(), to: try list(["first"]), rollback: true)
        if damaged { try File.replace(laboratory.file(), with: []) }
        try laboratory.plugins.answer(with: ["first": ["ADD": ["error": ["code": 102, "msg": "eth0 exists"]]]])
        try laboratory.plugins.forgetCalls()
        let error = failure {
            try laboratory.runtime.add(try attachment(), to: try list(["first"]), rollback: true)
        }
        #expect(error?.cause.message == "eth0 exists")
        #expect(error?.consequences.first?.cause.code == .alreadyExists)
        #expect(try laboratory.calls() == ["ADD first"])
        #expect(File.isRegular(laboratory.file()))
    }

    @Test func `rollback goes on when a plugin is not installed`() throws {
        let laboratory = try Laboratory(["first"], script: ["first": ["ADD": ["result": result("10.0.0.1/24")]]])
        let error = failure {
            try laboratory.runtime.add(try attachment(), to: try list(["first", "absent"]), rollback: true)
        }
        #expect(error?.cause.message.contains("failed to find plugin \"absent\"") == true)
        #expect(try laboratory.calls() == ["ADD first", "DEL first"])
    }

    @Test(
        arguments: [
            ["stdout": "no JSON"], ["stdout": "[1]"], [:], ["stdout": "null"], ["result": ["ips": [["address": "x"]]]],
            ["signal": 9],
        ] as [JSONValue]
    )
    func `a plugin that gives no result fails the chain and is undone`(answer: JSONValue) throws {
        let laboratory = try Laboratory(script: ["first": ["ADD": answer]])
        let error = failure {
            try laboratory.runtime.add(try attachment(), to: try list(["first"]), rollback: true)
        }
        #expect(error?.step?.plugin == "first")
        #expect(try laboratory.calls() == ["ADD first", "DEL first"])
    }

    @Test func `a plugin that does not read its input is no trouble`() throws {
        let laboratory = try Laboratory(script: [
            "first": ["ADD": ["ignoreInput": true, "result": result("10.0.0.1/24")]]
        ])
        // More than a pipe holds: the write fails once the plugin is gone.
        let padding = JSONValue.string(String(repeating: "x", count: 300_000))
        let network = try NetworkList(
            document: ["name": "lab", "cniVersion": "1.0.0", "plugins": [["type": "first", "padding": padding]]],
            source: []
        )
        try laboratory.runtime.add(try attachment(), to: network, rollback: false)
    }

    @Test func `a failure to store the result is undone`() throws {
        let laboratory = try Laboratory(script: ["first": ["ADD": ["result": result("10.0.0.1/24")]]])
        // A file where the directory should be.
        try File.replace(laboratory.cacheDirectory.appending("results"), with: [])
        let error = failure {
            try laboratory.runtime.add(try attachment(), to: try list(["first"]), rollback: true)
        }
        #expect(error?.cause.code == .inputOutput)
        #expect(try laboratory.calls() == ["ADD first", "DEL first"])
    }

    @Test func `a cache file of another attachment stops ADD before any plugin`() throws {
        let laboratory = try Laboratory(script: ["first": ["ADD": ["result": [:]]]])
        let network = try NetworkList(
            document: ["name": "lab-a", "cniVersion": "1.0.0", "plugins": [["type": "first"]]],
            source: []
        )
        try laboratory.runtime.add(try attachment("b"), to: network, rollback: false)
        try laboratory.plugins.forgetCalls()
        let error = failure {
            try laboratory.runtime.add(try attachment("a-b"), to: try list(["first"]), rollback: true)
        }
        #expect(error?.cause.message.contains("choose another container ID") == true)
        #expect(try laboratory.calls().isEmpty)
        // Nor does DEL of the one touch the other's file.
        try laboratory.runtime.delete(try attachment("a-b"), from: try list(["first"]))
        #expect(File.isRegular(laboratory.file("lab-a", "b")))
    }

    @Test func `names are checked before they become paths`() throws {
        for name in ["", "../x", "a/b", ".hidden", "a b", "-"] {
            #expect(throws: RuntimeError.self) { try attachment(name) }
        }
        for name in ["", ".", "..", "a/b", "a b", "a:b", "sixteen-bytes-xx"] {
            #expect(throws: RuntimeError.self) { try attachment("c1", name) }
        }
        _ = try attachment("c1", "fifteen-bytes-x")
    }

    @Test func `what a successful plugin wrote to standard error is passed on`() throws {
        let laboratory = try Laboratory(script: ["first": ["ADD": ["stderr": "careful", "result": [:]]]])
        try laboratory.runtime.add(try attachment(), to: try list(["first"]), rollback: false)
        #expect(laboratory.remarks == ["ADD of network \"lab\": plugin 1 of 1, first wrote: careful"])
    }
}
