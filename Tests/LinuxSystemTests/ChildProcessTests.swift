// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct ChildProcessTests {
    private func shell(_ script: String, _ environment: [String] = ["PATH=/usr/bin:/bin"]) throws -> ChildProcess {
        try ChildProcess.start("/bin/sh", arguments: ["-c", script], environment: environment)
    }

    @Test func `input goes in, output and errors come out`() throws {
        var child = try shell("cat; echo problem >&2; exit 3")
        try child.send(Array("hello".utf8))
        let outcome = try child.wait()
        #expect(outcome.termination == .exited(3))
        #expect(outcome.standardOutput == Array("hello".utf8))
        #expect(outcome.standardError == Array("problem\n".utf8))
    }

    @Test func `the environment is what was given and no more`() throws {
        var child = try ChildProcess.start("/usr/bin/env", environment: ["A=1", "B=two words", "C="])
        #expect(try child.wait().standardOutput == Array("A=1\nB=two words\nC=\n".utf8))
    }

    @Test func `more than a pipe holds is written to both streams`() throws {
        var child = try shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2")
        let outcome = try child.wait()
        #expect(outcome.standardOutput.count == 1_000_000)
        #expect(outcome.standardError.count == 1_000_000)
    }

    @Test func `too much output is an error`() throws {
        var child = try shell("head -c 1001 /dev/zero")
        var number: ErrorNumber?
        do { _ = try child.wait(outputLimit: 1000) } catch { number = error.number }
        #expect(number == .fileTooLarge)
    }

    @Test func `a signal is told from a status`() throws {
        var child = try shell("kill -9 $$")
        #expect(try child.wait().termination == .signalled(SIGKILL))
    }

    @Test(arguments: [10, 1_000_000])
    func `a child that does not read is no trouble`(size: Int) throws {
        var child = try shell("exec <&-; exit 5")
        try child.send([UInt8](repeating: 1, count: size))
        #expect(try child.wait().termination == .exited(5))
    }

    @Test func `what a child leaves running does not hold up its parent`() throws {
        let begin = ContinuousClock.now
        var child = try shell("sleep 3 & echo $!")
        let outcome = try child.wait()
        #expect(ContinuousClock.now - begin < .seconds(2))
        if let left = Int32(String(decoding: outcome.standardOutput.dropLast(), as: UTF8.self)) { kill(left, SIGKILL) }
    }

    @Test(arguments: [("/nonexistent/program", ErrorNumber.noSuchFile), ("/etc", .accessDenied)])
    func `a program that cannot be executed is told with the reason`(path: String, number: ErrorNumber) {
        let error = #expect(throws: SystemCallError.self) { _ = try ChildProcess.start(path, environment: []) }
        #expect(error?.number == number)
        #expect(error?.call == "execve")
        #expect(error?.subject == path)
    }

    @Test func `a file that is no program is told from one that may not be executed`() throws {
        let directory = try TemporaryDirectory()
        for (mode, number) in [(0o600, ErrorNumber.accessDenied), (0o700, .executableFormat)] as [(UInt32, ErrorNumber)]
        {
            try File.replace(directory.appending("x"), with: Array("no program".utf8), mode: mode)
            let error = #expect(throws: SystemCallError.self) {
                _ = try ChildProcess.start(directory.appending("x"), environment: [])
            }
            #expect(error?.number == number)
        }
    }

    @Test func `an abandoned child is killed and reaped`() throws {
        let directory = try TemporaryDirectory()
        do {
            let child = try shell("echo $$ > \(directory.appending("pid")); exec sleep 60")
            while try File.contentsIfPresent(of: directory.appending("pid"))?.isEmpty ?? true { usleep(1_000) }
            _ = consume child
        }
        let process = Int32(
            String(decoding: try File.contents(of: directory.appending("pid")).dropLast(), as: UTF8.self)
        )
        #expect(kill(try #require(process), 0) == -1 && errno == ESRCH)
    }

    @Test func `a child starts with an empty signal mask, default actions and no memory file but its own`() throws {
        var child = try shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; ls -l /proc/self/fd | grep -c memfd")
        let outcome = try child.wait()
        let lines = String(decoding: outcome.standardOutput, as: UTF8.self).split(separator: "\n")
        #expect(lines.first { $0.hasPrefix("SigBlk") }?.hasSuffix("0000000000000000") == true)
        let ignored = lines.first { $0.hasPrefix("SigIgn") }?.split(separator: "\t").last.flatMap {
            UInt64($0, radix: 16)
        }
        let ended = (UInt64(1) << UInt64(SIGPIPE - 1)) | (1 << UInt64(SIGTERM - 1)) | (1 << UInt64(SIGINT - 1))
        #expect(try #require(ignored) & ended == 0)
        // ls writes to the pipe, so that of the two only standard error is left; other tests have children, too.
        #expect(lines.last == "1")
    }

    @Test func `a child has nothing open that it was not given`() throws {
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        #expect(descriptor > 2 && fcntl(descriptor, F_GETFD) == 0, "it would be inherited")
        var child = try shell("readlink /proc/self/fd/\(descriptor) || echo closed")
        #expect(String(decoding: try child.wait().standardOutput, as: UTF8.self) == "closed\n")
    }
}
