// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct DirectoryWatchTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func changed(_ watch: borrowing DirectoryWatch) throws -> Bool {
        try !watch.changes(until: .after(.milliseconds(0))).isEmpty
    }

    @Test func `each kind of change is told once`() throws {
        let watch = try DirectoryWatch.open()
        try watch.watch(directory.path)
        #expect(try !changed(watch))
        for change in [
            { try File.create(directory.appending("a"), with: [1]) },
            { try File.replace(directory.appending("a"), with: [2]) },
            { try File.link(directory.appending("a"), to: directory.appending("b")) },
            { try File.overwrite(directory.appending("a"), with: [3]) },
            { try File.rename(directory.appending("a"), to: directory.appending("c")) },
            { _ = try File.remove(directory.appending("c")) },
        ] as [() throws -> Void] {
            try change()
            #expect(try changed(watch))
            #expect(try !changed(watch))
        }
    }

    @Test func `a thousand changes are one, and reading is none`() throws {
        let watch = try DirectoryWatch.open()
        try watch.watch(directory.path)
        for number in 0..<1000 { try File.create(directory.appending("\(number)"), with: []) }
        #expect(try changed(watch))
        _ = try Directory.names(in: directory.path)
        _ = try File.contents(of: directory.appending("1"))
        #expect(try !changed(watch))
    }

    @Test func `temporaries do not count, among others or alone`() throws {
        let watch = try DirectoryWatch.open()
        try watch.watch(directory.path)
        for number in 0..<300 { try File.write(new: directory.appending(".\(number)-temporary"), with: [1]) }
        #expect(try !changed(watch))
        try File.write(new: directory.appending(".last"), with: [1])
        try File.link(directory.appending(".last"), to: directory.appending("name"))
        try File.remove(directory.appending(".last"))
        #expect(try changed(watch))
        #expect(try !changed(watch))
    }

    @Test func `what changed is told by directory and name`() throws {
        let watch = try DirectoryWatch.open()
        let (one, two) = (directory.appending("1"), directory.appending("2"))
        for path in [one, two] { try Directory.create(path, mode: 0o755) }
        let (first, second) = (try watch.watch(one), try watch.watch(two))
        #expect(first != second)
        #expect(try watch.watch(one) == first)
        try File.replace("\(one)/10.1.2.0-24.json", with: [1])
        try File.create("\(two)/x", with: [])
        try File.rename("\(two)/x", to: "\(two)/a name of more than sixteen bytes")
        let changes = try watch.changes(until: .after(.seconds(1)))
        #expect(Set(changes.filter { $0.directory == first }.map(\.name)) == ["10.1.2.0-24.json"])
        #expect(
            Set(changes.filter { $0.directory == second }.map(\.name)) == ["x", "a name of more than sixteen bytes"]
        )
        try File.remove("\(one)/10.1.2.0-24.json")
        try Directory.remove(one)
        #expect(try watch.changes(until: .after(.seconds(1))).contains { $0.directory == first && $0.name == nil })
    }

    @Test func `another directory under the same name is watched when asked again`() throws {
        let path = directory.appending("d")
        try Directory.create(path, mode: 0o755)
        let watch = try DirectoryWatch.open()
        try watch.watch(path)
        try File.rename(path, to: directory.appending("away"))
        #expect(try changed(watch))
        #expect(throws: SystemCallError("inotify_add_watch", on: path, .noSuchFile)) { try watch.watch(path) }
        try Directory.create(path, mode: 0o755)
        try watch.watch(path)
        try File.create("\(path)/x", with: [])
        #expect(try changed(watch))
    }

    @Test func `a file cannot be watched, and a deadline ends the wait`() throws {
        try File.create(directory.appending("file"), with: [])
        let watch = try DirectoryWatch.open()
        let error = #expect(throws: SystemCallError.self) { try watch.watch(directory.appending("file")) }
        #expect(error?.number == .notADirectory)
        let start = SystemClock.monotonic
        #expect(try watch.changes(until: .after(.milliseconds(50))).isEmpty)
        #expect(SystemClock.monotonic - start >= 50_000_000)
    }
}

@Suite struct FileNamingTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `a new file is written once, and linked to names that are free`() throws {
        let (first, second) = (directory.appending("first"), directory.appending("second"))
        try File.write(new: first, with: [1, 2], mode: 0o640, durability: .powerCut)
        #expect(try Command.run("stat", "-c", "%a", first) == "640\n")
        let taken = #expect(throws: SystemCallError.self) { try File.write(new: first, with: [3]) }
        #expect(taken?.number == .exists)
        try File.write(new: second, with: [4])
        try File.link(first, to: directory.appending("name"))
        let error = #expect(throws: SystemCallError.self) {
            try File.link(second, to: directory.appending("name"))
        }
        #expect(error?.number == .exists)
        #expect(try File.contents(of: directory.appending("name")) == [1, 2])
        // The answer to a link may be lost on a network: asked again, it is still ours.
        try File.link(first, to: directory.appending("name"))
    }

    @Test func `a stamp changes with the contents, and with each replacement`() throws {
        let path = directory.appending("file")
        #expect(FileStamp(of: path) == nil)
        try File.create(path, with: [1])
        let first = try #require(FileStamp(of: path))
        _ = try File.contents(of: path)
        #expect(FileStamp(of: path) == first)
        // As soon after as can be, of the same size: another inode.
        try File.replace(path, with: [1])
        let second = try #require(FileStamp(of: path))
        #expect(second != first)
        try Command.run("touch", "-d", "2016-01-01", path)
        let third = try #require(FileStamp(of: path))
        #expect(third != second)
        try File.overwrite(path, with: [1, 2])
        #expect(FileStamp(of: path) != third)
    }

    @Test func `a lock for several machines is opened for writing`() throws {
        let path = directory.appending("lock")
        let lock = try FileLock.acquire(shared: path, until: .after(.seconds(1)))
        #expect(try Command.outcome(["flock", "-n", path, "true"]).termination == .exited(1))
        #expect(try Command.run("stat", "-c", "%a", path) == "600\n")
        _ = consume lock
    }
}
