// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct CNIToolTests {
    private let plugins: ScriptedPlugins
    private let directory: TemporaryDirectory

    init() throws {
        plugins = try ScriptedPlugins(
            ["first", "second"],
            script: [
                "first": ["ADD": ["result": result("10.0.0.1/24")]], "second": ["ADD": ["passPreviousResult": true]],
            ]
        )
        directory = try TemporaryDirectory()
        try File.replace(
            directory.appending("10-lab.conflist"),
            with: Array(#"{"name":"lab","cniVersion":"1.1.0","plugins":[{"type":"first"},{"type":"second"}]}"#.utf8)
        )
    }

    private struct Outcome {
        let status: Int32?
        let output: String
        let errors: String
    }

    private func cnitool(_ words: String..., environment: [String] = []) throws -> Outcome {
        let outcome = try Command.outcome(
            [try BuiltProduct.path("cnitool")] + words
                + ["--cache-dir", directory.path],
            environment: ["CNI_PATH=\(plugins.path)", "NETCONFPATH=\(directory.path)"] + environment
        )
        var status: Int32?
        if case .exited(let value) = outcome.termination { status = value }
        return Outcome(
            status: status,
            output: String(decoding: outcome.standardOutput, as: UTF8.self),
            errors: String(decoding: outcome.standardError, as: UTF8.self)
        )
    }

    @Test func `the container ID is derived as by the reference's tool`() throws {
        let added = try cnitool("add", "lab", "/run/netns/demo")
        #expect(added.status == 0, "\(added.errors)")
        #expect(try JSONValue(parsing: added.output.utf8) == result("10.0.0.1/24"))
        let digest = try Command.run("sh", "-c", "printf %s /run/netns/demo | sha512sum | cut -c1-20")
        let container = "cnitool-" + digest.dropLast()
        let call = try #require(try plugins.calls().first)
        #expect(call["CNI_CONTAINERID"] == container)
        #expect(call["CNI_NETNS"] == "/run/netns/demo")
        #expect(call["CNI_IFNAME"] == "eth0")
        #expect(File.isRegular(directory.appending("results/lab-\(container)-eth0")))
        let listed = try cnitool("list", "lab")
        #expect(
            try JSONValue(parsing: listed.output.utf8) == [
                [
                    "network": "lab", "containerID": .string(container), "ifname": "eth0", "netns": "/run/netns/demo",
                    "netnsExists": false, "addresses": ["10.0.0.1/24"],
                ]
            ]
        )
        // The same namespace, written otherwise, is the same container.
        let deleted = try cnitool("del", "lab", "/run/../run//netns/./demo")
        #expect(deleted.status == 0 && deleted.output.isEmpty, "\(deleted.errors)")
        #expect(try cnitool("list").output == "[]\n")
    }

    @Test func `the environment sets interface, arguments and capabilities`() throws {
        let environment = ["CNI_IFNAME=net1", "CNI_ARGS=A=b;C=d", #"CAP_ARGS={"mac":"02:00:00:00:00:01"}"#]
        #expect(try cnitool("add", "lab", "/run/netns/demo", environment: environment).status == 0)
        #expect(try cnitool("add", "lab", "/run/netns/demo", "-i", "net2", environment: environment).status == 0)
        let calls = try plugins.calls()
        #expect(calls.map { $0["CNI_IFNAME"] } == ["net1", "net1", "net2", "net2"])
        #expect(calls.allSatisfy { $0["CNI_ARGS"] == "A=b;C=d" })
        let wrong = try cnitool("add", "lab", "/x", environment: ["CNI_ARGS=A=b;"])
        #expect(wrong.status == 1)
        #expect(wrong.errors.contains("is not KEY=value"))
        let broken = try cnitool("add", "lab", "/x", environment: ["CAP_ARGS=[]"])
        #expect(broken.status == 1)
        #expect(broken.errors.contains("CAP_ARGS: is an array ([]), must be an object"))
    }

    @Test func `a failure shows plugin and step, and is rolled back unless told otherwise`() throws {
        try plugins.answer(with: [
            "first": ["ADD": ["result": result("10.0.0.1/24")]],
            "second": ["ADD": ["error": ["code": 11, "msg": "the daemon is starting"]]],
        ])
        let failed = try cnitool("add", "lab", "/run/netns/demo")
        #expect(failed.status == 1)
        #expect(failed.output.isEmpty)
        #expect(
            failed.errors.contains("ADD of network \"lab\": plugin 2 of 2, second: the daemon is starting (code 11)")
        )
        #expect(failed.errors.contains("what the plugins had made was undone"))
        #expect(try plugins.calls().map(\.summary) == ["ADD first", "ADD second", "DEL second", "DEL first"])
        try plugins.forgetCalls()
        #expect(try cnitool("add", "lab", "/run/netns/demo", "--no-rollback").status == 1)
        #expect(try plugins.calls().map(\.summary) == ["ADD first", "ADD second"])
    }

    @Test func `check, status and version`() throws {
        #expect(try cnitool("add", "lab", "/run/netns/demo").status == 0)
        let checked = try cnitool("check", "lab", "/run/netns/demo")
        #expect(checked.status == 0 && checked.output.isEmpty)
        #expect(try cnitool("check", "lab", "/run/netns/other").status == 1)
        let status = try cnitool("status", "lab", "/run/netns/demo")
        #expect(status.status == 0 && status.output.isEmpty)
        let version = try cnitool("version", "lab")
        let document = JSONNode(try JSONValue(parsing: version.output.utf8))
        #expect(document["cniVersion"]?.value == "1.1.0")
        #expect(try document.requiredMember("plugins").elements().map { $0["type"]?.value } == ["first", "second"])
    }

    @Test func `a container ID of a runtime names its attachment`() throws {
        func run(_ verb: String, _ id: String) throws -> Outcome {
            try cnitool(verb, "lab", "/run/netns/demo", "--container-id", id)
        }
        let unknown = try run("check", "of-a-runtime")
        #expect(unknown.errors.contains("of-a-runtime/eth0 is not attached to network \"lab\""), "\(unknown.errors)")
        #expect(try cnitool("add", "lab", "/run/netns/demo").status == 0)
        for verb in ["add", "check", "del"] { #expect(try run(verb, "of-a-runtime").status == 0, "\(verb)") }
        let listing = try cnitool("list").output
        #expect(listing.contains("cnitool-") && !listing.contains("of-a-runtime"), "\(listing)")
        let malformed = try run("add", "../x")
        #expect(malformed.status == 1 && malformed.errors.contains("container ID \"../x\""), "\(malformed.errors)")
    }

    @Test func `gc refuses to guess`() throws {
        #expect(try cnitool("add", "lab", "/run/netns/a").status == 0)
        #expect(try cnitool("add", "lab", "/run/netns/b").status == 0)
        let guessing = try cnitool("gc", "lab", "/run/netns/a")
        #expect(guessing.status == 1)
        #expect(guessing.errors.contains("--keep CONTAINERID/IFNAME"))
        let misspelt = try cnitool("gc", "lab", "--keep", "cnitool-x")
        #expect(misspelt.status == 1)
        let listing = JSONNode(try JSONValue(parsing: try cnitool("list").output.utf8))
        let containers = try listing.elements().compactMap { $0["containerID"]?.value.string }
        #expect(containers.count == 2)
        let kept = try #require(containers.first)
        #expect(try cnitool("gc", "lab", "--keep", "\(kept)/eth0").status == 0)
        #expect(try plugins.calls().suffix(2).map(\.summary) == ["GC first", "GC second"])
        let after = JSONNode(try JSONValue(parsing: try cnitool("list").output.utf8))
        #expect(try after.elements().compactMap { $0["containerID"]?.value.string } == [kept])
        #expect(try cnitool("gc", "lab", "--all").status == 0)
        #expect(try cnitool("list").output == "[]\n")
    }

    @Test func `usage errors exit with 1, help with 0`() throws {
        #expect(try cnitool("add").status == 1)
        #expect(try cnitool("frobnicate").status == 1)
        let help = try Command.outcome([try BuiltProduct.path("cnitool"), "--help"], environment: [])
        #expect(help.termination == .exited(0))
        let text = String(decoding: help.standardOutput, as: UTF8.self)
        for word in ["CNI_PATH", "NETCONFPATH", "CNI_ARGS", "CAP_ARGS", "/opt/cni/bin", "/etc/cni/net.d"] {
            #expect(text.contains(word))
        }
    }

    @Test func `an interrupted add is undone`() throws {
        try plugins.answer(with: [
            "first": ["ADD": ["sleepMilliseconds": 10000, "result": result("10.0.0.1/24")]],
            "second": ["ADD": ["passPreviousResult": true]],
        ])
        let outcome = try Command.outcome(
            [
                "sh", "-c",
                #"$0 add lab /run/netns/demo --cache-dir $1 & while ! [ -s $2/log.jsonl ]; do sleep 0.01; done;"#
                    + " kill -TERM $!; wait $!",
                try BuiltProduct.path("cnitool"), directory.path, plugins.path,
            ],
            environment: ["CNI_PATH=\(plugins.path)", "NETCONFPATH=\(directory.path)", "PATH=/usr/bin:/bin"]
        )
        #expect(outcome.termination == .exited(1))
        #expect(try plugins.calls().map(\.summary) == ["ADD first", "DEL second", "DEL first"])
        #expect(try cnitool("list").output == "[]\n")
    }
}
