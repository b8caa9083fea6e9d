// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import LinuxTesting

/// A machine in miniature: network, mount and process namespaces of its own, with `/run`, `/var/lib` and `/etc/cni` that are empty
/// at first, kept by a process that ends with the test.
///
/// Whatever is done in it is gone with it: links, routes, rules, files.
final class IsolatedHost: @unchecked Sendable {
    private var keeper: ChildProcess
    /// The process that keeps the namespaces, as the test sees it.
    let process: Int32

    init() throws {
        let directory = try TemporaryDirectory()
        let announcement = directory.appending("pid")
        // It is the first process of a process namespace: whatever was started on the machine ends with it.
        let script = """
            set -e
            read -r number rest < /proc/self/stat
            mount --make-rprivate /
            mount -t proc none /proc
            mount -t tmpfs none /run
            mount -t tmpfs none /var/lib
            ip link set lo up
            # A real machine's link-local addresses are past the search for duplicates; without one it asks for no neighbour.
            sysctl -qw net.ipv6.conf.default.accept_dad=0
            echo "$number" > "$1.new" && mv "$1.new" "$1"
            # Whoever lost its parent is to be gone when it has ended, with nobody here to take note.
            exec env --ignore-signal=CHLD cat
            """
        let words = [
            "--net", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script, "sh", announcement,
        ]
        // A child dies with the thread that started it: that must be one that stays.
        keeper = try ChildProcess.start(
            "/usr/bin/unshare",
            arguments: words,
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        )
        let deadline = Deadline.after(.seconds(10))
        while !File.isRegular(announcement) {
            guard deadline.remainingNanoseconds > 0 else { throw TestFailure("a machine in miniature does not start") }
            usleep(2_000)
        }
        guard
            let number = Int32(
                String(decoding: try File.contents(of: announcement), as: UTF8.self).split(separator: "\n").joined()
            )
        else { throw TestFailure("the keeper of a machine says no number") }
        process = number
    }

    /// The command line that runs a program on the machine.
    func entering(_ words: [String]) -> [String] {
        ["/usr/bin/nsenter", "--target", "\(process)", "--net", "--mount", "--pid", "--"] + words
    }

    /// Runs a program on the machine and returns what it printed.
    @discardableResult
    func run(_ words: String...) throws -> String { try Command.run(entering(words)) }

    /// Runs a shell script on the machine and returns what it printed.
    @discardableResult
    func shell(_ script: String) throws -> String { try Command.run(entering(["/bin/sh", "-e", "-c", script])) }

    /// Runs a program on the machine and returns how it ended.
    func outcome(_ words: String..., environment: [String]? = nil) throws -> ChildProcess.Outcome {
        try Command.outcome(entering(words), environment: environment)
    }

    /// Joins an interface of this machine and one of another by a cable.
    func connect(_ name: String, to other: IsolatedHost, as otherName: String) throws {
        // Not in the machine's process namespace, where the other's number means nothing.
        try Command.run(
            "/usr/bin/nsenter",
            "--target",
            "\(process)",
            "--net",
            "--",
            "ip",
            "link",
            "add",
            name,
            "type",
            "veth",
            "peer",
            "name",
            otherName,
            "netns",
            "\(other.process)"
        )
    }

    /// A file of the machine as the test sees it.
    func path(_ path: String) -> String { "/proc/\(process)/root\(path)" }
}
