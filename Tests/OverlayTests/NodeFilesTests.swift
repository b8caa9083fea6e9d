// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON
import LinuxSystem
import LinuxTesting
import Overlay
import Testing

/// What the daemon leaves for the plugin and the runtime.
@Suite struct `Files of a node` {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `status.json is beside subnet.env and says what the plugin reads`() throws {
        let path = StatusFile.path(beside: directory.appending("flannel/subnet.env"))
        #expect(path == directory.appending("flannel/status.json"))
        for (state, word) in [(StatusFile.State.starting, "starting"), (.ready, "ready"), (.degraded, "degraded")] {
            try StatusFile(state, lastError: "etcd \"is\" away", since: 1_795_442_400).write(to: path)
            let read = try JSONNode(JSONValue(parsing: File.contents(of: path)))
            #expect(try read.requiredMember("state").string() == word)
            #expect(try read.requiredMember("lastError").string() == "etcd \"is\" away")
            // date -u -d @1795442400 +%FT%TZ
            #expect(try read.requiredMember("since").string() == "2026-11-23T14:00:00Z")
        }
        #expect(try Command.run("stat", "-c", "%a", path) == "644\n")
    }

    private func list() -> NetworkListFile {
        NetworkListFile(directory: directory.appending("net.d"), stateDirectory: directory.appending("state"))
    }

    @Test func `the list is written once and removed when it is ours`() throws {
        let list = list()
        #expect(try !list.removeIfOurs())
        #expect(try list.install(NetworkListFile.template))
        #expect(try !list.install(NetworkListFile.template))
        #expect(try File.contents(of: list.path) == NetworkListFile.template)
        #expect(try Command.run("stat", "-c", "%a", list.path) == "644\n")
        #expect(try list.removeIfOurs())
        #expect(!File.isRegular(list.path))
        #expect(try list.install(NetworkListFile.template))
    }

    @Test func `a list that somebody else wrote or changed stays`() throws {
        let list = list()
        try Directory.create(directory.appending("net.d"), mode: 0o755)
        try File.create(list.path, with: NetworkListFile.template)
        #expect(try !list.removeIfOurs(), "nothing was ever written here")
        try list.install(NetworkListFile.template)
        try File.replace(list.path, with: Array("{}".utf8))
        #expect(try !list.removeIfOurs(), "it was changed since")
        #expect(try File.contents(of: list.path) == Array("{}".utf8))
        #expect(try list.install(NetworkListFile.template), "what is configured wins")
    }

    @Test func `a list stays ours wherever its replacement failed`() throws {
        let list = list()
        let directory = directory.appending("net.d")
        let (first, second, third) = (Array("{}".utf8), Array("[1]".utf8), Array("[2]".utf8))
        try list.install(first)
        // Nobody can make a file there, root neither.
        func installOnNothing(_ content: [UInt8]) throws {
            try File.rename(directory, to: "\(directory).away")
            try Command.run("ln", "-s", "/proc/self/fdinfo", directory)
            #expect(throws: SystemCallError.self) { try list.install(content) }
            try File.remove(directory)
            try File.rename("\(directory).away", to: directory)
        }
        try installOnNothing(second)
        #expect(try !list.isForeign)
        // Ended when the list was replaced, and before anything was written behind it.
        try File.replace(list.path, with: second)
        #expect(try !list.isForeign && list.install(third) && !list.isForeign)
        #expect(try File.contents(of: list.path) == third && File.contents(of: list.record) == third)
        #expect(try !list.install(third) && Directory.names(in: Path.parent(of: list.record)).count == 1)
        try File.replace(list.path, with: second)
        #expect(try list.isForeign)
        try File.replace(list.path, with: third)
        try installOnNothing(first)
        #expect(try list.removeIfOurs())
    }

    @Test func `the template has the plugins and versions of every list of ours`() throws {
        let read = try JSONNode(JSONValue(parsing: NetworkListFile.template))
        #expect(try read.requiredMember("name").string() == "cbr0")
        #expect(try read.requiredMember("cniVersion").string() == "1.0.0")
        #expect(try read.requiredMember("cniVersions").strings() == ["1.0.0", "1.1.0"])
        let plugins = try read.requiredMember("plugins").elements()
        #expect(try plugins.map { try $0.requiredMember("type").string() } == ["flannel", "portmap"])
    }
}
