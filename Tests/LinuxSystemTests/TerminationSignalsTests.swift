// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import Testing

@Suite struct TerminationSignalsTests {
    // Signals are the process's: each test has one of its own. `raise` and not `kill`, which may
    // return before another thread of the process has taken the signal.

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func `a signal is noted instead of ending the process`(signal: Int32) async {
        await #expect(processExitsWith: .exitCode(42)) { [signal] in
            TerminationSignals.note()
            precondition(TerminationSignals.received == nil)
            raise(signal)
            precondition(TerminationSignals.received == signal)
            TerminationSignals.acknowledge()
            precondition(TerminationSignals.received == nil)
            raise(SIGTERM)
            precondition(TerminationSignals.received == SIGTERM)
            exit(42)
        }
    }

    @Test func `a waited-for child is told once, and not after it was acknowledged`() async {
        await #expect(processExitsWith: .exitCode(42)) {
            TerminationSignals.note()
            raise(SIGTERM)
            var told = try ChildProcess.start("/bin/sleep", arguments: ["60"], environment: [])
            let ended = try told.wait().termination
            precondition(ended == .signalled(SIGTERM))
            TerminationSignals.acknowledge()
            var spared = try ChildProcess.start("/bin/sleep", arguments: ["0.2"], environment: [])
            let finished = try spared.wait().termination
            precondition(finished == .exited(0))
            exit(42)
        }
    }

    @Test func `a writer to a broken pipe lives`() async {
        await #expect(processExitsWith: .exitCode(42)) {
            signal(SIGPIPE, SIG_DFL)
            for size in [1, 65_536, 65_537, 500_000] {
                var child = try ChildProcess.start("/bin/true", environment: [])
                try child.send([UInt8](repeating: 0, count: size))
                let termination = try child.wait().termination
                precondition(termination == .exited(0))
            }
            exit(42)
        }
    }
}
