// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import CNIRuntime
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct RuntimeVerbTests {
    /// Three plugins of which the first makes an address.
    private func laboratory(_ changes: [(String, JSONValue)] = []) throws -> Laboratory {
        var script = JSONObject([
            ("first", ["ADD": ["result": result("10.0.0.1/24")]]), ("second", ["ADD": ["passPreviousResult": true]]),
            ("third", ["ADD": ["passPreviousResult": true]]),
        ])
        for (name, verbs) in changes {
            var merged = script[name]?.object ?? JSONObject()
            for member in verbs.object?.members ?? [] { merged[member.key] = member.value }
            script[name] = .object(merged)
        }
        return try Laboratory(script: .object(script))
    }

    private func attached(
        _ changes: [(String, JSONValue)] = [],
        version: String = "1.1.0"
    ) throws -> Laboratory {
        let laboratory = try laboratory(changes)
        try laboratory.runtime.add(
            try attachment(
                arguments: [.init(key: "K", value: "v")],
                capabilities: JSONObject([("mac", "02:00:00:00:00:01")])
            ),
            to: try list(version: version),
            rollback: false
        )
        try laboratory.plugins.forgetCalls()
        return laboratory
    }

    // MARK: DEL

    @Test func `DEL runs last first with the cached result, then forgets it`() throws {
        let laboratory = try attached()
        try laboratory.runtime.delete(try attachment(), from: try list())
        let calls = try laboratory.plugins.calls()
        #expect(calls.map(\.summary) == ["DEL third", "DEL second", "DEL first"])
        #expect(calls.allSatisfy { $0.input["prevResult"]?.value == result("10.0.0.1/24") })
        #expect(!File.isRegular(laboratory.file()))
        // A second DEL is no failure.
        try laboratory.runtime.delete(try attachment(), from: try list())
        #expect(try laboratory.calls().count == 6)
    }

    @Test func `DEL fills in the arguments of ADD, but not a namespace that is said to be gone`() throws {
        let laboratory = try attached()
        try laboratory.runtime.delete(try attachment(namespace: nil), from: try list())
        let call = try #require(try laboratory.plugins.calls().first)
        #expect(call["CNI_ARGS"] == "K=v")
        #expect(call["CNI_NETNS"] == "")
    }

    @Test(arguments: [("0.3.1", false), ("0.4.0", true)])
    func `DEL passes the result on from 0.4.0`(version: String, passed: Bool) throws {
        let laboratory = try attached(version: version)
        try laboratory.runtime.delete(try attachment(), from: try list(version: version))
        #expect(try laboratory.plugins.calls().allSatisfy { ($0.input["prevResult"] != nil) == passed })
    }

    @Test func `DEL stops at the first failure and can be repeated`() throws {
        let laboratory = try attached([("second", ["DEL": ["error": ["code": 11, "msg": "busy"]]])])
        let error = failure {
            try laboratory.runtime.delete(try attachment(), from: try list())
        }
        #expect(error?.step?.plugin == "second")
        #expect(error?.step?.verb == .delete)
        #expect(try laboratory.calls() == ["DEL third", "DEL second"])
        #expect(File.isRegular(laboratory.file()))
        try laboratory.plugins.answer(with: [:])
        try laboratory.runtime.delete(try attachment(), from: try list())
        #expect(!File.isRegular(laboratory.file()))
    }

    @Test(arguments: ["", "{", "[]", #"{"kind":"cniCacheV1","networkName":"lab","containerId":"c1"}"#])
    func `DEL tolerates a damaged cache and removes it`(text: String) throws {
        let laboratory = try attached()
        try File.replace(laboratory.file(), with: Array(text.utf8))
        try laboratory.runtime.delete(try attachment(), from: try list())
        #expect(try laboratory.plugins.calls().allSatisfy { $0.input["prevResult"] == nil })
        #expect(try laboratory.calls().count == 3)
        #expect(!File.isRegular(laboratory.file()))
        #expect(laboratory.remarks.count == 1)
        #expect(laboratory.remarks.first?.contains("is damaged") == true)
    }

    // MARK: CHECK

    @Test func `CHECK runs in order with the cached result`() throws {
        let laboratory = try attached()
        try laboratory.runtime.check(try attachment(), in: try list())
        let calls = try laboratory.plugins.calls()
        #expect(calls.map(\.summary) == ["CHECK first", "CHECK second", "CHECK third"])
        #expect(calls.allSatisfy { $0.input["prevResult"]?.value == result("10.0.0.1/24") })
    }

    @Test func `CHECK converts the cached result to the version the network has now`() throws {
        let laboratory = try attached()
        try laboratory.runtime.check(try attachment(), in: try list(version: "0.4.0"))
        let previous = try laboratory.plugins.calls().first?.input["prevResult"]
        #expect(previous?["cniVersion"]?.value == "0.4.0")
        #expect(previous?["ips"]?.value == [["version": "4", "address": "10.0.0.1/24"]])
    }

    @Test func `CHECK says what is missing`() throws {
        let laboratory = try attached()
        let old = failure {
            try laboratory.runtime.check(try attachment(), in: try list(version: "0.3.1"))
        }
        #expect(old?.cause.code == .incompatibleVersion)
        let unknown = failure {
            try laboratory.runtime.check(try attachment("c2"), in: try list())
        }
        #expect(unknown?.cause.code == .unknownContainer)
        #expect(unknown?.cause.message.contains("c2/eth0 is not attached to network \"lab\"") == true)
        try File.replace(laboratory.file(), with: [])
        let damaged = failure {
            try laboratory.runtime.check(try attachment(), in: try list())
        }
        #expect(damaged?.cause.code == .decoding)
        #expect(damaged?.description.contains("is damaged; DEL and ADD make a new one") == true)
        #expect(damaged?.description.contains("is empty") == true)
        #expect(try laboratory.calls().isEmpty)
    }

    @Test func `CHECK of a network that disables it asks nobody`() throws {
        let laboratory = try laboratory()
        try laboratory.runtime.check(try attachment(), in: try list([("disableCheck", "true")]))
        #expect(try laboratory.calls().isEmpty)
    }

    @Test func `CHECK stops at the first failure`() throws {
        let laboratory = try attached([("second", ["CHECK": ["error": ["code": 103, "msg": "address is gone"]]])])
        let error = failure {
            try laboratory.runtime.check(try attachment(), in: try list())
        }
        #expect(error?.step?.position == 2)
        #expect(try laboratory.calls() == ["CHECK first", "CHECK second"])
    }

    // MARK: STATUS

    @Test func `STATUS asks in order until one says no`() throws {
        let laboratory = try laboratory([("second", ["STATUS": ["error": ["code": 50, "msg": "pool is full"]]])])
        let error = failure { try laboratory.runtime.status(of: try list()) }
        #expect(error?.cause.code == .unavailable)
        #expect(error?.step?.plugin == "second")
        let calls = try laboratory.plugins.calls()
        #expect(calls.map(\.summary) == ["STATUS first", "STATUS second"])
        #expect(calls.first?.input.value == ["type": "first", "name": "lab", "cniVersion": "1.1.0"])
    }

    @Test func `STATUS before 1.1.0 is a yes that nobody was asked for`() throws {
        let laboratory = try laboratory([("first", ["STATUS": ["error": ["code": 50, "msg": "no"]]])])
        try laboratory.runtime.status(of: try list(version: "1.0.0"))
        #expect(try laboratory.calls().isEmpty)
    }

    // MARK: GC

    @Test func `GC detaches what is not in use and tells the plugins what is`() throws {
        let laboratory = try attached()
        try laboratory.runtime.add(try attachment("c2", namespace: "/run/netns/c2"), to: try list(), rollback: false)
        let elsewhere = try NetworkList(
            document: ["name": "other", "cniVersion": "1.1.0", "plugins": [["type": "first"]]],
            source: []
        )
        try laboratory.runtime.add(try attachment("c3"), to: elsewhere, rollback: false)
        try laboratory.plugins.forgetCalls()
        let kept = AttachmentID(containerID: "c2", interfaceName: "eth0")
        let collection = try laboratory.runtime.collectGarbage(of: try list(), keeping: [kept])
        #expect(collection.detached == [AttachmentID(containerID: "c1", interfaceName: "eth0")])
        let calls = try laboratory.plugins.calls()
        #expect(
            calls.map(\.summary) == ["DEL third", "DEL second", "DEL first", "GC first", "GC second", "GC third"]
        )
        #expect(calls.prefix(3).allSatisfy { $0["CNI_CONTAINERID"] == "c1" && $0["CNI_ARGS"] == "K=v" })
        for call in calls.suffix(3) {
            let valid: JSONValue = [["containerID": "c2", "ifname": "eth0"]]
            #expect(call.input["cni.dev/valid-attachments"]?.value == valid)
            #expect(call.input["cni.dev/attachments"]?.value == valid)
            #expect(call["CNI_CONTAINERID"] == "")
        }
        #expect(!File.isRegular(laboratory.file()))
        #expect(File.isRegular(laboratory.file("lab", "c2")))
        #expect(File.isRegular(laboratory.file("other", "c3")))
    }

    @Test func `GC with nothing in use says so with an empty list`() throws {
        let laboratory = try attached()
        try laboratory.runtime.collectGarbage(of: try list(), keeping: [])
        #expect(try laboratory.plugins.calls().last?.input.value.object?["cni.dev/valid-attachments"] == [])
        #expect(!File.isRegular(laboratory.file()))
    }

    @Test func `GC goes on after a failure and tells all of them`() throws {
        let laboratory = try attached([
            ("third", ["DEL": ["error": ["code": 100, "msg": "stuck"]]]),
            ("second", ["GC": ["error": ["code": 5, "msg": "unreadable"]]]),
        ])
        let error = failure {
            try laboratory.runtime.collectGarbage(of: try list(), keeping: [])
        }
        #expect(error?.cause.message == "stuck")
        #expect(error?.consequences.map(\.cause.message) == ["unreadable"])
        #expect(try laboratory.calls() == ["DEL third", "GC first", "GC second", "GC third"])
        #expect(File.isRegular(laboratory.file()))
    }

    @Test func `GC before 1.1.0 leaves the plugins alone, and disableGC everything`() throws {
        let laboratory = try attached(version: "1.0.0")
        let disabled = try laboratory.runtime.collectGarbage(
            of: try list(version: "1.0.0", [("disableGC", true)]),
            keeping: []
        )
        #expect(disabled.detached.isEmpty && !disabled.ranPlugins)
        #expect(try laboratory.calls().isEmpty)
        let collection = try laboratory.runtime.collectGarbage(of: try list(version: "1.0.0"), keeping: [])
        #expect(collection.detached.count == 1 && !collection.ranPlugins)
        #expect(try laboratory.calls() == ["DEL third", "DEL second", "DEL first"])
    }

    @Test func `GC mentions damaged files and leaves them`() throws {
        let laboratory = try attached()
        try File.replace(laboratory.file("lab", "c9"), with: [])
        try laboratory.runtime.collectGarbage(of: try list(), keeping: [])
        #expect(laboratory.remarks.count == 1)
        #expect(laboratory.remarks.first?.contains("lab-c9-eth0 is skipped: is empty") == true)
        #expect(File.isRegular(laboratory.file("lab", "c9")))
    }

    // MARK: VERSION

    @Test func `VERSION asks each type once`() throws {
        let laboratory = try laboratory([
            ("second", ["VERSION": ["result": ["cniVersion": "0.2.0", "supportedVersions": ["0.1.0", "0.2.0"]]]]),
            ("third", ["VERSION": ["error": ["code": 4, "msg": "unknown CNI_COMMAND: VERSION"]]]),
        ])
        let network = try list(["first", "second", "first", "third"])
        let versions = try laboratory.runtime.versions(of: network)
        #expect(versions.map(\.plugin) == ["first", "second", "third"])
        #expect(versions.map(\.supported) == [SpecVersion.all.map(\.description), ["0.1.0", "0.2.0"], ["0.1.0"]])
    }

    @Test func `validation names the plugin that does not speak the version or is missing`() throws {
        let laboratory = try laboratory([
            ("second", ["VERSION": ["result": ["cniVersion": "0.2.0", "supportedVersions": ["0.1.0", "0.2.0"]]]])
        ])
        let network = try NetworkList(
            document: [
                "name": "lab", "cniVersion": "1.0.0",
                "plugins": [
                    ["type": "first", "capabilities": ["mac": true]],
                    ["type": "third", "capabilities": ["ips": true, "bandwidth": false]],
                ],
            ],
            source: []
        )
        #expect(try laboratory.runtime.validate(network) == ["mac", "ips"])
        let mismatch = failure { try laboratory.runtime.validate(try list()) }
        #expect(mismatch?.cause.code == .incompatibleVersion)
        #expect(mismatch?.step?.plugin == "second")
        let missing = failure {
            try laboratory.runtime.validate(try list(["first", "nowhere"]))
        }
        #expect(missing?.step?.plugin == "nowhere")
    }
}

/// A list of the three plugins with further members.
private func list(_ members: [(String, JSONValue)]) throws -> NetworkList {
    try list(["first", "second", "third"], version: "1.1.0", members)
}

private func list(version: String, _ members: [(String, JSONValue)]) throws -> NetworkList {
    try list(["first", "second", "third"], version: version, members)
}
