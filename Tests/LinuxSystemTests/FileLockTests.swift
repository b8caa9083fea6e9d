// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct FileLockTests {
    @Test func `a lock excludes others while it lives`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.appending("lock")
        do {
            let lock = try FileLock.acquire(path)
            #expect(try Command.outcome(["flock", "-n", path, "true"]).termination == .exited(1))
            _ = consume lock
        }
        #expect(try Command.outcome(["flock", "-n", path, "true"]).termination == .exited(0))
        #expect(try Command.run("stat", "-c", "%a", path) == "600\n")
    }

    @Test func `a contended lock is waited for`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.appending("lock")
        var holder = try ChildProcess.start(
            "/usr/bin/flock",
            arguments: [
                path, "sh", "-c",
                "touch \(directory.appending("held")); sleep 0.3; touch \(directory.appending("done"))",
            ],
            environment: ["PATH=/usr/bin:/bin"]
        )
        while !File.isRegular(directory.appending("held")) { usleep(1_000) }
        let lock = try FileLock.acquire(path)
        #expect(File.isRegular(directory.appending("done")))
        _ = consume lock
        _ = try holder.wait()
    }

    @Test func `a lock that cannot be made is told`() {
        let error = #expect(throws: SystemCallError.self) { _ = try FileLock.acquire("/nonexistent/lock") }
        #expect(error?.number == .noSuchFile)
    }
}
