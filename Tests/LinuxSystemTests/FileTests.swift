// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct FileTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `a file is replaced with mode and contents and leaves no temporary`() throws {
        let path = directory.appending("file")
        for (mode, text) in [(0o600, "one"), (0o644, ""), (0o640, String(repeating: "x", count: 100_000))]
            as [(UInt32, String)]
        {
            try File.replace(path, with: Array(text.utf8), mode: mode, durability: .powerCut)
            #expect(try File.contents(of: path) == Array(text.utf8))
            #expect(try Command.run("stat", "-c", "%a", path) == String(mode, radix: 8) + "\n")
            #expect(try Directory.names(in: directory.path) == ["file"])
        }
    }

    @Test func `a reader never sees a part of a replaced file`() throws {
        let path = directory.appending("file")
        let sizes = [10, 300_000]
        try File.replace(path, with: [UInt8](repeating: 1, count: sizes[0]))
        // A process of its own reads while this one writes.
        var reader = try ChildProcess.start(
            "/bin/sh",
            arguments: ["-c", "i=0; while [ $i -lt 300 ]; do wc -c < \(path); i=$((i+1)); done; : > \(path).end"],
            environment: ["PATH=/usr/bin:/bin"]
        )
        var round = 0
        while !File.isRegular("\(path).end") {
            round += 1
            try File.replace(path, with: [UInt8](repeating: 2, count: sizes[round % 2]))
        }
        let seen = String(decoding: try reader.wait().standardOutput, as: UTF8.self).split(separator: "\n")
        #expect(seen.count == 300)
        #expect(Set(seen.map(String.init)) == Set(sizes.map(String.init)))
    }

    @Test func `a name as long as the file system takes can be written`() throws {
        let name = String(repeating: "n", count: 255)
        try File.replace(directory.appending(name), with: [1])
        #expect(try Directory.names(in: directory.path) == [name])
        let error = #expect(throws: SystemCallError.self) {
            try File.replace(directory.appending(name + "n"), with: [1])
        }
        #expect(error?.number == .nameTooLong)
        #expect(try Directory.names(in: directory.path) == [name])
    }

    @Test func `creating does not overwrite`() throws {
        let path = directory.appending("file")
        try File.create(path, with: [1])
        let error = #expect(throws: SystemCallError.self) { try File.create(path, with: [2]) }
        #expect(error?.number == .exists)
        #expect(try File.contents(of: path) == [1])
        #expect(try Directory.names(in: directory.path) == ["file"])
    }

    @Test func `a leftover of a killed writer is no obstacle`() throws {
        try File.replace(directory.appending(".file.\(getpid()).tmp"), with: [9], mode: 0o400)
        try File.replace(directory.appending("file"), with: [1])
        #expect(try Directory.names(in: directory.path) == ["file"])
    }

    @Test func `a replace that cannot be finished leaves no temporary`() throws {
        try Directory.create(directory.appending("file"), mode: 0o755)
        try File.create(directory.appending("file/inside"), with: [])
        #expect(throws: SystemCallError.self) { try File.replace(directory.appending("file"), with: [1]) }
        #expect(try Directory.names(in: directory.path) == ["file"])
    }

    @Test func `reading has a limit`() throws {
        let path = directory.appending("file")
        for size in [0, 1, 4095, 4096, 4097, 10_000] {
            try File.replace(path, with: [UInt8](repeating: 7, count: size))
            #expect(try File.contents(of: path, limit: size).count == size)
            if size > 0 {
                let error = #expect(throws: SystemCallError.self) { try File.contents(of: path, limit: size - 1) }
                #expect(error?.number == .fileTooLarge)
            }
        }
        #expect(throws: SystemCallError.self) { try File.contents(of: "/dev/zero", limit: 100_000) }
    }

    @Test func `absence is nil where it is expected, and an error elsewhere`() throws {
        let path = directory.appending("none")
        #expect(try File.contentsIfPresent(of: path) == nil)
        #expect(try !File.remove(path))
        #expect(!File.isRegular(path) && !File.isRegular(directory.path))
        let error = #expect(throws: SystemCallError.self) { try File.contents(of: path) }
        #expect(error?.number == .noSuchFile)
        #expect(error?.description == "open \(path): ENOENT (No such file or directory)")
        try File.create(path, with: [])
        let wrong = #expect(throws: SystemCallError.self) { try File.contentsIfPresent(of: "\(path)/below") }
        #expect(wrong?.number == .notADirectory)
    }

    @Test func `removing and renaming`() throws {
        let path = directory.appending("file")
        try File.create(path, with: [1])
        try File.rename(path, to: directory.appending("other"))
        #expect(try File.remove(directory.appending("other")))
        #expect(try Directory.names(in: directory.path).isEmpty)
    }
}

@Suite struct PathTests {
    @Test(arguments: [
        ("/a/b", "/a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("a/b/c", "a/b", "c"), ("/", "/", ""), ("a/", "a", ""),
        ("", ".", ""),
    ])
    func `a path has a parent and a last component`(path: String, parent: String, last: String) {
        #expect(Path.parent(of: path) == parent)
        #expect(Path.lastComponent(of: path) == last)
    }

    @Test(arguments: [
        ("/a/./b//c/", "/a/b/c"), ("/a/../../b", "/b"), ("/", "/"), ("//", "/"), ("", "."), (".", "."), ("a/..", "."),
        ("../a", "../a"), ("a/../../b", "../b"), ("../../x/..", "../.."), ("./a", "a"), ("/..", "/"),
    ])
    func `dots and slashes are worked out`(path: String, normal: String) { #expect(Path.normalized(path) == normal) }

    @Test func `a relative path starts at the working directory`() throws {
        #expect(Path.absolute("/a/b") == "/a/b")
        let current = try Command.run("pwd").dropLast()
        #expect(Path.absolute("x") == "\(current)/x")
    }
}
