// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import LinuxTesting
internal import PluginInstallation
internal import Testing

struct PluginInstallerTests {
    private let directory: TemporaryDirectory
    private var target: String { directory.appending("bin") }
    private var installer: PluginInstaller { PluginInstaller(target: target) }

    init() throws {
        directory = try TemporaryDirectory()
        try Directory.create(target, mode: 0o755)
    }

    /// A release: plugins by name, and what is in them.
    private func release(_ version: String, _ plugins: [String: String]) throws -> String {
        let path = directory.appending("release-\(version)")
        try Directory.create(path, mode: 0o755)
        try File.replace("\(path)/version", with: Array("\(version)\n".utf8))
        for (name, text) in plugins { try put(text, "\(path)/\(name)") }
        return path
    }

    private func put(_ text: String, _ path: String) throws {
        try File.replace(path, with: Array(text.utf8), mode: 0o755)
    }

    /// What a runtime finds: programs by name.
    private func found() throws -> [String: String] {
        var found: [String: String] = [:]
        for name in try Directory.names(in: target) where File.isRegular("\(target)/\(name)") {
            found[name] = String(decoding: try File.contents(of: "\(target)/\(name)"), as: UTF8.self)
        }
        return found
    }

    private func kinds(_ steps: [PluginInstaller.Step]) -> [String: PluginInstaller.Step.Kind] {
        Dictionary(uniqueKeysWithValues: steps.map { ($0.name, $0.kind) })
    }

    @Test func `what was there before is kept, and comes back`() throws {
        try put("theirs", "\(target)/bridge")
        try put("other", "\(target)/dhcp")
        let first = try release("1.0", ["bridge": "ours 1", "flannel": "ours 1"])
        #expect(
            kinds(try installer.install(from: first, allowingDowngrade: false))
                == ["bridge": .replaced, "flannel": .installed]
        )
        #expect(try found() == ["bridge": "ours 1", "flannel": "ours 1", "dhcp": "other"])
        #expect(
            kinds(try installer.install(from: first, allowingDowngrade: false))
                == ["bridge": .unchanged, "flannel": .unchanged]
        )
        let second = try release("1.1", ["bridge": "ours 2", "portmap": "ours 2"])
        #expect(
            kinds(try installer.install(from: second, allowingDowngrade: false))
                == ["bridge": .updated, "portmap": .installed, "flannel": .removed]
        )
        #expect(try found() == ["bridge": "ours 2", "portmap": "ours 2", "dhcp": "other"])
        #expect(kinds(try installer.uninstall()) == ["bridge": .restored, "portmap": .removed])
        #expect(try Set(Directory.names(in: target)) == ["bridge", "dhcp"])
        #expect(try found() == ["bridge": "theirs", "dhcp": "other"])
        #expect(try installer.uninstall().isEmpty)
    }

    @Test func `a link that was there is kept as a link`() throws {
        try put("theirs", directory.appending("elsewhere"))
        try #require(symlink(directory.appending("elsewhere"), "\(target)/bridge") == 0)
        let release = try release("1.0", ["bridge": "ours"])
        #expect(kinds(try installer.install(from: release, allowingDowngrade: false)) == ["bridge": .replaced])
        #expect(try File.contents(of: directory.appending("elsewhere")) == Array("theirs".utf8))
        #expect(kinds(try installer.uninstall()) == ["bridge": .restored])
        var link = stat()
        #expect(lstat("\(target)/bridge", &link) == 0 && link.st_mode & S_IFMT == S_IFLNK)
        #expect(try found() == ["bridge": "theirs"])
    }

    @Test func `what somebody has put there since stays, and is what the next installation keeps`() throws {
        try put("old", "\(target)/bridge")
        let release = try release("1.0", ["bridge": "ours"])
        _ = try installer.install(from: release, allowingDowngrade: false)
        try put("a package's", "\(target)/bridge")
        #expect(kinds(try installer.install(from: release, allowingDowngrade: false)) == ["bridge": .replaced])
        #expect(kinds(try installer.uninstall()) == ["bridge": .restored])
        #expect(try found() == ["bridge": "a package's"])
        _ = try installer.install(from: release, allowingDowngrade: false)
        try put("newer", "\(target)/bridge")
        #expect(kinds(try installer.uninstall()) == ["bridge": .left])
        #expect(try found() == ["bridge": "newer"])
    }

    @Test func `one that installs waits for one that takes away, and finds all as that has left it`() async throws {
        let release = try release("1.0", ["bridge": "ours"])
        let installer = installer
        for _ in 0..<20 {
            _ = try installer.install(from: release, allowingDowngrade: false)
            async let removal = installer.uninstall()
            async let installation = installer.install(from: release, allowingDowngrade: false)
            _ = try await (removal, installation)
        }
    }

    @Test(arguments: [true, false]) func `what one that was killed has left goes`(uninstalls: Bool) throws {
        try put("theirs", "\(target)/bridge")
        let release = try release("1.0", ["bridge": "ours"])
        _ = try installer.install(from: release, allowingDowngrade: false)
        let leftovers = [".bridge.4711.tmp", ".swift-cni/.installed.json.4711.tmp", ".swift-cni/replaced/.bridge.new"]
        for name in leftovers + [".dhcp.4711.tmp"] { try put("half", "\(target)/\(name)") }
        if uninstalls {
            #expect(kinds(try installer.uninstall()) == ["bridge": .restored])
            #expect(try Set(Directory.names(in: target)) == ["bridge", ".dhcp.4711.tmp"])
        } else {
            #expect(kinds(try installer.install(from: release, allowingDowngrade: false)) == ["bridge": .unchanged])
            for name in leftovers { #expect(!File.isRegular("\(target)/\(name)")) }
        }
        // Nobody knows whose it is.
        #expect(File.isRegular("\(target)/.dhcp.4711.tmp"))
    }

    @Test func `an older release is refused, unless it is asked for`() throws {
        let old = try release("1.9.2", ["bridge": "old"])
        let new = try release("1.10", ["bridge": "new"])
        _ = try installer.install(from: old, allowingDowngrade: false)
        _ = try installer.install(from: new, allowingDowngrade: false)
        let error = #expect(throws: InstallationError.self) {
            try installer.install(from: old, allowingDowngrade: false)
        }
        #expect(error?.code == .downgrade)
        for word in ["1.10", "1.9.2", "--allow-downgrade"] { #expect(error?.description.contains(word) == true) }
        #expect(try found() == ["bridge": "new"])
        #expect(kinds(try installer.install(from: old, allowingDowngrade: true)) == ["bridge": .updated])
        _ = try installer.install(from: new, allowingDowngrade: false)
    }

    @Test func `what is no release is told`() throws {
        let empty = try release("1.0", [:])
        #expect(throws: InstallationError.self) { try installer.install(from: empty, allowingDowngrade: false) }
        let nameless = try release("1.0-beta", ["bridge": "ours"])
        let error = #expect(throws: InstallationError.self) {
            try installer.install(from: nameless, allowingDowngrade: false)
        }
        #expect(error?.code == .source && error?.message.contains("\"1.0-beta\"") == true)
        let missing = #expect(throws: InstallationError.self) {
            try installer.install(from: directory.appending("none"), allowingDowngrade: false)
        }
        #expect(missing?.code == .source && missing?.advice.contains("--source") == true)
        #expect(try found().isEmpty)
    }

    @Test(arguments: [("1", "1.0.0"), ("2.1", "2.01")]) func `versions are equal`(one: String, other: String) throws {
        #expect(try #require(ReleaseVersion(one)) == #require(ReleaseVersion(other)))
    }

    @Test(arguments: ["", ".", "1.", "v1", "1.2.3.4.5", "1.-2", "99999999999"])
    func `a text is no version`(text: String) { #expect(ReleaseVersion(text) == nil) }

    @Test func `versions are ordered by number`() throws {
        let texts = ["0.9", "1", "1.0.1", "1.2", "1.10", "2"]
        let versions = texts.compactMap(ReleaseVersion.init)
        #expect(versions.count == texts.count)
        #expect(versions.shuffled().sorted().map(\.text) == texts)
    }
}
