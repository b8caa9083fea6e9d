// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct DirectoryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `directories are made down to the last`() throws {
        let path = directory.appending("a/b/c")
        try Directory.create(path, mode: 0o700)
        #expect(Directory.exists(path))
        #expect(try Command.run("stat", "-c", "%a", path) == "700\n")
        try Directory.create(path, mode: 0o755)
        #expect(try Command.run("stat", "-c", "%a", path) == "700\n")
        #expect(try Directory.names(in: directory.appending("a")) == ["b"])
    }

    @Test func `a file in the way is told`() throws {
        try File.create(directory.appending("file"), with: [])
        for path in ["file", "file/below", "file/below/further"] {
            let error = #expect(throws: SystemCallError.self) {
                try Directory.create(directory.appending(path), mode: 0o755)
            }
            #expect(error?.number == .notADirectory)
        }
        #expect(!Directory.exists(directory.appending("file")))
    }

    @Test func `names come without the dots, however many and long`() throws {
        let names = (0..<500).map { "\($0)-" + String(repeating: "n", count: $0 % 200) }
        for name in names { try File.create(directory.appending(name), with: []) }
        #expect(try Directory.names(in: directory.path).sorted() == names.sorted())
        #expect(try Directory.namesIfPresent(in: directory.appending("none")) == nil)
        #expect(throws: SystemCallError.self) { try Directory.names(in: directory.appending("none")) }
    }

    @Test func `only an empty directory is removed`() throws {
        try Directory.create(directory.appending("a/b"), mode: 0o755)
        let error = #expect(throws: SystemCallError.self) { try Directory.remove(directory.appending("a")) }
        #expect(error?.number == .notEmpty)
        #expect(try Directory.remove(directory.appending("a/b")))
        #expect(try !Directory.remove(directory.appending("a/b")))
    }

    @Test func `the modification time is set to the nanosecond and changes with the names`() throws {
        let stamp: Int64 = 1_234_567_890_123_456_789
        try Directory.setModificationTime(of: directory.path, nanoseconds: stamp)
        #expect(Directory.modificationTime(of: directory.path) == stamp)
        #expect(try Command.run("stat", "-c", "%.9Y", directory.path) == "1234567890.123456789\n")
        try File.create(directory.appending("x"), with: [])
        #expect(Directory.modificationTime(of: directory.path) != stamp)
        #expect(Directory.modificationTime(of: directory.appending("none")) == nil)
        try Directory.flush(directory.path)
    }
}
