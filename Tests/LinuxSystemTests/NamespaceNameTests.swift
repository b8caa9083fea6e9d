// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

struct NamespaceNameTests {
    private let name = "swift-cni-test/\(getpid())/\(UInt64.random(in: 0...UInt64.max))"

    /// Whether the name can be had, and once more beside that.
    private func takeTwice() throws -> [Bool] {
        let first = try NamespaceName.acquireIfFree(name)
        let second = try NamespaceName.acquireIfFree(name)
        let answers = [first != nil, second != nil]
        withExtendedLifetime(first) {}
        return answers
    }

    @Test func `a name is one holder's, and free again when that ends`() throws {
        for _ in 0..<3 {
            let answers = try takeTwice()
            #expect(answers == [true, false])
        }
    }

    @Test func `a stranger who has the name keeps nobody from it`() throws {
        // It listens, does not listen, and has a full queue: none of it makes it one who may.
        for script in ["s.listen(5)", "pass", "s.listen(0); c = socket.socket(socket.AF_UNIX); c.connect(n)"] {
            var stranger = try ChildProcess.start(
                "/usr/bin/setpriv",
                arguments: [
                    "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-c",
                    """
                    import socket, sys
                    n = "\\0\(name)"
                    s = socket.socket(socket.AF_UNIX); s.bind(n); \(script)
                    print("bound", flush=True); sys.stdin.read()
                    """,
                ],
                environment: []
            )
            let probe = "grep -q '@\(name)$' /proc/net/unix"
            for _ in 0..<500 {
                if (try? Command.run("/bin/sh", "-c", probe)) != nil { break }
                usleep(10_000)
            }
            try Command.run("/bin/sh", "-c", probe)
            let answers = try takeTwice()
            #expect(answers == [true, false], "\(script)")
            try stranger.send([])
            _ = try stranger.wait()
        }
    }
}
