// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@testable internal import CNIRuntime

@Suite struct ResultCacheTests {
    private let directory: TemporaryDirectory
    private var cache: ResultCache { ResultCache(directory.path) }
    private let id = AttachmentID(containerID: "c1", interfaceName: "eth0")

    init() throws { directory = try TemporaryDirectory() }

    private func write(_ name: String, _ text: String) throws {
        try Directory.create(cache.directory, mode: 0o700)
        try File.replace("\(cache.directory)/\(name)", with: Array(text.utf8))
    }

    private func corruption(network: String = "lab", _ id: AttachmentID) -> String? {
        if case .corrupt(let reason) = cache.entry(network: network, id) { return reason }
        return nil
    }

    @Test func `a file has the layout, name and mode of the reference`() throws {
        let attachment = try attachment(
            arguments: [.init(key: "K", value: "v")],
            capabilities: JSONObject([("mac", "02:00:00:00:00:01")])
        )
        let network = try NetworkList(document: ["name": "lab", "plugins": [["type": "a"]]], source: Array("{ }".utf8))
        try cache.store(CachedAttachment(attachment, network: network, result: result("10.1.0.2/24")))
        let file = "\(directory.path)/results/lab-c1-eth0"
        #expect(
            try JSONValue(parsing: try File.contents(of: file)) == [
                "kind": "cniCacheV1", "containerId": "c1", "config": "eyB9", "ifName": "eth0", "networkName": "lab",
                "netns": "/run/netns/c1", "cniArgs": [["K", "v"]], "capabilityArgs": ["mac": "02:00:00:00:00:01"],
                "result": result("10.1.0.2/24"),
            ]
        )
        #expect(try Command.run("stat", "-c", "%a", file) == "600\n")
        #expect(try Command.run("stat", "-c", "%a", cache.directory) == "700\n")
        #expect(try Directory.names(in: cache.directory) == ["lab-c1-eth0"])
    }

    @Test func `what is stored is read back`() throws {
        let attachment = try attachment(
            arguments: [.init(key: "K", value: "v"), .init(key: "L", value: "")],
            capabilities: JSONObject([("portMappings", [["hostPort": 80]])])
        )
        let stored = CachedAttachment(attachment, network: try list(), result: result("10.1.0.2/24"))
        try cache.store(stored)
        guard case .present(let entry) = cache.entry(network: "lab", id) else {
            Issue.record("not present")
            return
        }
        #expect(entry == stored)
        #expect(entry.addresses == ["10.1.0.2/24"])
        #expect(try cache.list().attachments == [stored])
        #expect(try cache.list(network: "other").attachments.isEmpty)
        try cache.remove(network: "lab", id)
        guard case .absent = cache.entry(network: "lab", id) else {
            Issue.record("still there")
            return
        }
    }

    @Test func `a bare result of the oldest layout is read`() throws {
        try write("lab-c1-eth0", #"{"cniVersion":"0.3.1","ips":[{"version":"4","address":"10.1.0.9/24"}],"dns":{}}"#)
        guard case .present(let entry) = cache.entry(network: "lab", id) else {
            Issue.record("not present")
            return
        }
        #expect(entry.id == id && entry.network == "lab")
        #expect(entry.addresses == ["10.1.0.9/24"])
        #expect(entry.configuration.isEmpty)
    }

    @Test(arguments: [
        "": "is empty", "{\"kind\":": "not a JSON document", "[]": "must be an object", "{}": "kind: is missing",
        #"{"kind":"cniCacheV2"}"#: "must be \"cniCacheV1\"",
        #"{"kind":"cniCacheV1"}"#: "networkName: is required",
        #"{"kind":"cniCacheV1","networkName":"lab","containerId":"c1","ifName":"eth0"}"#: "result: is required",
        #"{"kind":"cniCacheV1","networkName":"lab","containerId":"c1","ifName":"eth0","config":"a","result":{}}"#:
            "config: is not base 64",
        #"{"kind":"cniCacheV1","networkName":"lab","containerId":"c1","ifName":"eth0","cniArgs":[["a"]],"result":{}}"#:
            "cniArgs[0]: holds 1 strings",
    ])
    func `a damaged file is told from none, with the reason`(text: String, reason: String) throws {
        try write("lab-c1-eth0", text)
        let found = try #require(corruption(id))
        #expect(found.contains(reason), "\(found)")
        let listing = try cache.list(network: "lab")
        #expect(listing.attachments.isEmpty)
        #expect(listing.warnings.count == 1)
    }

    @Test func `a file of another attachment under the same name is not ours`() throws {
        // "a-b" + "c" and "a" + "b-c" are both stored as a-b-c-eth0.
        let other = try attachment("c")
        let network = try NetworkList(document: ["name": "a-b", "plugins": [["type": "x"]]], source: [])
        try cache.store(CachedAttachment(other, network: network, result: result("10.1.0.2/24")))
        let mine = AttachmentID(containerID: "b-c", interfaceName: "eth0")
        guard case .foreign(let holder, let holderID) = cache.entry(network: "a", mine) else {
            Issue.record("taken for ours")
            return
        }
        #expect(holder == "a-b" && holderID == other.id)
        #expect(cache.problem(storing: "a", mine)?.contains("attachment c/eth0 of network \"a-b\"") == true)
        #expect(cache.problem(storing: "a-b", other.id) == nil)
    }

    @Test func `a name that is too long for a file is refused before anything is made`() throws {
        let longest = AttachmentID(containerID: String(repeating: "c", count: 255 - 4 - 5), interfaceName: "eth0")
        #expect(cache.problem(storing: "lab", longest) == nil)
        try cache.store(
            CachedAttachment(attachment(longest.containerID), network: list(), result: result("10.0.0.1/8"))
        )
        guard case .present = cache.entry(network: "lab", longest) else {
            Issue.record("not present")
            return
        }
        let longer = AttachmentID(containerID: longest.containerID + "c", interfaceName: "eth0")
        #expect(cache.problem(storing: "lab", longer)?.contains("256 bytes") == true)
        guard case .absent = cache.entry(network: "lab", longer) else {
            Issue.record("present")
            return
        }
        try cache.remove(network: "lab", longer)
    }
}
