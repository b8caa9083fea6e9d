// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIRuntime
internal import Glibc
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct ConfigurationDirectoryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func write(_ name: String, _ text: String) throws {
        try Directory.create(Path.parent(of: directory.appending(name)), mode: 0o755)
        try File.replace(directory.appending(name), with: Array(text.utf8))
    }

    private var configurations: ConfigurationDirectory { ConfigurationDirectory(directory.path) }

    private func list(_ name: String, _ type: String, _ more: String = "") -> String {
        #"{"name":"\#(name)","cniVersion":"1.0.0"\#(more),"plugins":[{"type":"\#(type)"}]}"#
    }

    @Test func `lists come before single plugins, each in the order of file names`() throws {
        try write("10-b.conf", #"{"name":"net","cniVersion":"0.4.0","type":"single"}"#)
        try write("90-late.conflist", list("net", "late"))
        try write("20-early.conflist", list("net", "early"))
        try write("5-other.json", #"{"name":"other","type":"json"}"#)
        try write("note.txt", "not a configuration")
        #expect(try configurations.network(named: "net").network.plugins.map(\.type) == ["early"])
        #expect(try configurations.network(named: "other").network.plugins.map(\.type) == ["json"])
        let contents = try configurations.load()
        #expect(contents.networks.map(\.name) == ["net", "other"])
        #expect(contents.warnings.count == 2)
        #expect(contents.warnings.allSatisfy { $0.contains("an earlier file defines the network \"net\"") })
    }

    @Test func `a broken unrelated file is a warning`() throws {
        try write("00-broken.conflist", "{\"name\": ")
        try write("01-empty.conflist", "")
        try write("02-other.conflist", #"{"name":"other","plugins":[]}"#)
        try write("50-net.conflist", list("net", "a"))
        symlink("/nonexistent/file", directory.appending("03-dangling.conflist"))
        mkfifo(directory.appending("04-fifo.conflist"), 0o600)
        let match = try configurations.network(named: "net")
        #expect(match.network.plugins.map(\.type) == ["a"])
        #expect(match.warnings.count == 5)
        for (index, name) in ["00-broken", "01-empty", "02-other", "03-dangling", "04-fifo"].enumerated() {
            #expect(match.warnings[index].contains("\(name).conflist is skipped: "))
        }
        let other = failure { _ = try configurations.network(named: "other") }
        #expect(other?.cause.code == .invalidConfiguration)
        #expect(other?.cause.message.contains("02-other.conflist: network configuration: plugins: is empty") == true)
        let missing = failure { _ = try configurations.network(named: "third") }
        #expect(missing?.cause.message.contains("no network configuration with name \"third\"") == true)
        #expect(missing?.cause.details.contains("00-broken.conflist") == true)
    }

    @Test func `a missing directory has no configurations`() throws {
        let missing = ConfigurationDirectory(directory.appending("none"))
        #expect(try missing.load().networks.isEmpty)
        let error = failure { _ = try missing.network(named: "net") }
        #expect(error?.cause.message.contains("no network configurations found") == true)
    }

    @Test func `a list in a file for single plugins is explained`() throws {
        try write("10-net.conf", list("net", "a"))
        let error = failure { _ = try configurations.network(named: "net") }
        #expect(error?.cause.message.contains("extension .conflist") == true)
    }

    @Test(arguments: ["", "../../etc", "a/b", ".", "-x", "a b"])
    func `a name that is no file name is refused`(name: String) {
        let error = failure { _ = try configurations.network(named: name) }
        #expect(error?.cause.code == .invalidConfiguration)
        #expect(error?.cause.message.contains("network name") == true)
    }

    @Test func `drop-ins follow the plugins of the list`() throws {
        try write("net.conflist", list("net", "inline"))
        try write("net/20-b.conf", #"{"type":"b"}"#)
        try write("net/10-a.conf", #"{"type":"a","key":1}"#)
        try write("net/30-c.conflist", #"{"type":"ignored"}"#)
        let network = try configurations.network(named: "net").network
        #expect(network.plugins.map(\.type) == ["inline", "a", "b"])
        #expect(try configurations.load().networks.map { $0.plugins.count } == [3])
        #expect(String(decoding: network.source, as: UTF8.self) == list("net", "inline"))
    }

    @Test func `drop-ins may be all there is, or be switched off`() throws {
        try write("net.conflist", #"{"name":"net","cniVersion":"1.1.0"}"#)
        try write("only.conflist", list("only", "inline", #","loadOnlyInlinedPlugins":"true""#))
        try write("only/10-a.conf", #"{"type":"a"}"#)
        let none = failure { _ = try configurations.network(named: "net") }
        #expect(none?.cause.message.contains("holds no plugin either") == true)
        try write("net/10-a.conf", #"{"type":"a"}"#)
        #expect(try configurations.network(named: "net").network.plugins.map(\.type) == ["a"])
        #expect(try configurations.network(named: "only").network.plugins.map(\.type) == ["inline"])
    }

    @Test func `a broken drop-in breaks its network and no other`() throws {
        try write("net.conflist", list("net", "inline"))
        try write("net/10-a.conf", #"{"key":1}"#)
        try write("sound.conflist", list("sound", "inline"))
        let error = failure { _ = try configurations.network(named: "net") }
        #expect(error?.cause.message.contains("net/10-a.conf: type: is required") == true)
        let sound = try configurations.network(named: "sound")
        #expect(sound.network.name == "sound" && sound.warnings.isEmpty)
    }
}
