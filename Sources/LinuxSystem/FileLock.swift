// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// An exclusive `flock(2)` on a file, held until the value ends or the process dies.
public struct FileLock: ~Copyable {
    private let descriptor: OwnedFileDescriptor

    /// Waits for the lock on a file, making the file when it is missing.
    ///
    /// - Throws: `EINTR` when a termination signal arrived while waiting (see ``TerminationSignals``).
    public static func acquire(_ path: String, mode: UInt32 = 0o600) throws(SystemCallError) -> FileLock {
        try wait(for: OwnedFileDescriptor.open(path, .readCreating(mode: mode)), path)
    }

    /// Waits for the lock on a directory, where a file for it would have to be taken away again.
    ///
    /// - Throws: `EINTR` when a termination signal arrived while waiting (see ``TerminationSignals``).
    public static func acquire(directory path: String) throws(SystemCallError) -> FileLock {
        try wait(for: OwnedFileDescriptor.open(path, .read), path)
    }

    private static func wait(
        for descriptor: consuming OwnedFileDescriptor,
        _ path: String
    ) throws(SystemCallError) -> FileLock {
        if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 { return FileLock(descriptor: descriptor) }
        // Contended: only now is a signal worth letting through.
        TerminationSignals.admit()
        defer { TerminationSignals.hold() }
        // One that had been waiting is spent by now, and would not interrupt what follows.
        if TerminationSignals.received != nil { throw SystemCallError("flock", on: path, .interrupted) }
        while flock(descriptor.rawValue, LOCK_EX) != 0 {
            let number = ErrorNumber.current
            if number != .interrupted || TerminationSignals.received != nil {
                throw SystemCallError("flock", on: path, number)
            }
        }
        return FileLock(descriptor: descriptor)
    }

    /// Waits for the lock on a file that machines share, making the file when it is missing.
    ///
    /// NFS locks exclusively only what is open for writing.
    ///
    /// - Throws: `ETIMEDOUT` when somebody else still holds it at the deadline: a machine that hangs may hold it for ever.
    public static func acquire(
        shared path: String,
        mode: UInt32 = 0o600,
        until deadline: Deadline
    ) throws(SystemCallError) -> FileLock {
        let descriptor = try OwnedFileDescriptor.open(path, .readWriteCreating(mode: mode))
        var pause = Duration.milliseconds(1)
        while flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 {
            let number = ErrorNumber.current
            if number == .interrupted { continue }
            guard number == .tryAgain else { throw SystemCallError("flock", on: path, number) }
            guard deadline.remainingNanoseconds > 0 else { throw SystemCallError("flock", on: path, .timedOut) }
            Deadline.after(min(pause, .nanoseconds(deadline.remainingNanoseconds))).wait()
            pause = min(pause * 2, .milliseconds(50))
        }
        return FileLock(descriptor: descriptor)
    }

    /// Takes the lock on a file, making the file when it is missing; nil when somebody else holds it.
    public static func acquireIfFree(_ path: String, mode: UInt32 = 0o600) throws(SystemCallError) -> FileLock? {
        let descriptor = try OwnedFileDescriptor.open(path, .readCreating(mode: mode))
        if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 { return FileLock(descriptor: descriptor) }
        let number = ErrorNumber.current
        guard number == .tryAgain else { throw SystemCallError("flock", on: path, number) }
        return nil
    }
}

/// SIGTERM, SIGINT and SIGHUP, turned from sudden death into a question a recipe asks between steps.
public enum TerminationSignals {
    /// From here on the three signals are noted instead of ending the process; SIGPIPE is ignored.
    public static func note() { clinux_note_termination_signals() }

    /// The number of the signal that arrived, if one did.
    public static var received: Int32? {
        let number = clinux_noted_termination_signal()
        return number == 0 ? nil : number
    }

    /// Forgets what arrived, so that the work it calls for, undoing, is not stopped by the same signal: a child that is
    /// waited for afterwards is not told of it.
    public static func acknowledge() { clinux_forget_termination_signals() }

    static func admit() { clinux_admit_termination_signals(1) }
    static func hold() { clinux_admit_termination_signals(0) }
}
