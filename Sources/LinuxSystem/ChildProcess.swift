// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A program that was started and dies with the thread that started it.
///
/// Standard output and error go to files in memory: however much the child writes, it never blocks, and what it
/// leaves running behind it cannot keep the parent waiting.
public struct ChildProcess: ~Copyable {
    private let processID: pid_t
    private let exitNotice: OwnedFileDescriptor
    private let standardOutput: OwnedFileDescriptor
    private let standardError: OwnedFileDescriptor
    private var standardInput: OwnedFileDescriptor?
    private var isReaped = false

    /// How a program ended and what it wrote.
    public struct Outcome: Sendable {
        /// How it ended.
        public enum Termination: Hashable, Sendable {
            /// It exited with this status.
            case exited(Int32)
            /// This signal ended it.
            case signalled(Int32)
        }
        /// How it ended.
        public let termination: Termination
        /// What it wrote to standard output.
        public let standardOutput: [UInt8]
        /// What it wrote to standard error.
        public let standardError: [UInt8]
    }

    /// Starts a program; its standard input stays open until ``send(_:)``.
    ///
    /// - Throws: what `execve(2)` says about the path, or what a descriptor could not be made for.
    public static func start(
        _ path: String,
        arguments: [String] = [],
        environment: [String]
    ) throws(SystemCallError) -> ChildProcess {
        var ends: [Int32] = [-1, -1]
        try requireSuccess(shim: "pipe2", ends.withUnsafeMutableBufferPointer { clinux_pipe($0.baseAddress) })
        let reader = OwnedFileDescriptor(adopting: ends[0])
        let writer = OwnedFileDescriptor(adopting: ends[1])
        let output = try OwnedFileDescriptor.memoryFile(named: "stdout")
        let errors = try OwnedFileDescriptor.memoryFile(named: "stderr")
        let argumentList = CStringList([path] + arguments)
        let environmentList = CStringList(environment)
        let child = withExtendedLifetime((argumentList, environmentList)) {
            clinux_spawn(
                path,
                argumentList.pointers,
                environmentList.pointers,
                reader.rawValue,
                output.rawValue,
                errors.rawValue
            )
        }
        try requireSuccess(shim: "execve", on: path, child)
        let notice = clinux_process_descriptor(child)
        guard notice >= 0 else {
            kill(child, SIGKILL)
            waitpid(child, nil, 0)
            throw SystemCallError("pidfd_open", on: path, ErrorNumber(rawValue: -notice))
        }
        return ChildProcess(
            processID: child,
            exitNotice: OwnedFileDescriptor(adopting: notice),
            standardOutput: output,
            standardError: errors,
            standardInput: writer
        )
    }

    private init(
        processID: pid_t,
        exitNotice: consuming OwnedFileDescriptor,
        standardOutput: consuming OwnedFileDescriptor,
        standardError: consuming OwnedFileDescriptor,
        standardInput: consuming OwnedFileDescriptor
    ) {
        self.processID = processID
        self.exitNotice = exitNotice
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.standardInput = consume standardInput
    }

    deinit {
        // An abandoned child must not go on changing what its parent is undoing.
        if !isReaped {
            kill(processID, SIGKILL)
            waitpid(processID, nil, 0)
        }
    }

    /// Writes the child's standard input and closes it.
    ///
    /// A child that ended without reading is no failure here: its exit status says what happened.
    public mutating func send(_ input: [UInt8]) throws(SystemCallError) {
        guard let writer = standardInput.take() else { return }
        var written = 0
        while written < input.count {
            // The signal of a broken pipe would end this process, whatever the child's status says.
            let count = input.withUnsafeBytes {
                clinux_write_without_signal(writer.rawValue, $0.baseAddress.map { $0 + written }, input.count - written)
            }
            let number = ErrorNumber(rawValue: Int32(truncatingIfNeeded: -count))
            if count >= 0 {
                written += count
            } else if number == .brokenPipe {
                return
            } else if number != .interrupted {
                throw SystemCallError("write", on: "standard input of a child", number)
            }
        }
    }

    /// Waits for the end.
    ///
    /// A termination signal that arrives meanwhile is passed on to the child, once.
    ///
    /// - Throws: `EFBIG` when the child wrote more than `outputLimit` bytes to either stream.
    public mutating func wait(outputLimit: Int = File.defaultLimit) throws(SystemCallError) -> Outcome {
        standardInput = nil
        var passedOn = false
        while true {
            if !passedOn, let signal = TerminationSignals.received {
                kill(processID, signal)
                passedOn = true
            }
            let ready = clinux_wait_readable(exitNotice.rawValue, -1)
            if ready > 0 { break }
            if ready < 0, -ready != EINTR {
                throw SystemCallError("ppoll", on: "child process", ErrorNumber(rawValue: -ready))
            }
        }
        var status: Int32 = 0
        let child = processID
        try requireSuccess("waitpid") { waitpid(child, &status, 0) }
        isReaped = true
        try standardOutput.rewind()
        try standardError.rewind()
        // The low seven bits are the signal, the second byte the exit status (wait(2), WIFEXITED).
        let signal = status & 0x7f
        return Outcome(
            termination: signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal),
            standardOutput: try standardOutput.readToEnd(limit: outputLimit, subject: "standard output of a child"),
            standardError: try standardError.readToEnd(limit: outputLimit, subject: "standard error of a child")
        )
    }
}
