// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CForkExec
internal import Glibc
internal import LinuxSystem

/// A program with its environment and standard input, made ready so that a run costs the kernel's work and little else.
///
/// A run gets its input through a pipe, as from a container runtime, and writes to a file in memory.
final class MeasuredProgram {
    private let path: String
    private var input: [UInt8] = []
    private let arguments: CStringList
    private let environment: CStringList
    private let output: OwnedFileDescriptor

    /// What one run took.
    struct Measurement {
        /// From before the spawn until the wait for it returned, in nanoseconds.
        var wall: Int64
        /// User and system time of the program and the children it waited for, in nanoseconds; 0 when not measured.
        var processor: Int64 = 0
        /// The largest resident set of the program or one of its children, in KiB; 0 when not measured.
        var peakMemory: Int64 = 0

        /// One after the other: times add up, memory does not.
        static func + (first: Measurement, second: Measurement) -> Measurement {
            Measurement(
                wall: first.wall + second.wall,
                processor: first.processor + second.processor,
                peakMemory: max(first.peakMemory, second.peakMemory)
            )
        }
    }

    /// How a program is started.
    enum Start {
        /// As fast as the kernel can: the child borrows this program's memory until it executes.
        case spawned
        /// With memory of its own, so that this program's is not counted as the child's peak.
        case forked
    }

    /// Prepares a program.
    ///
    /// - Parameter input: At most 64 KiB, what a pipe holds: it is written before the program starts.
    init(_ path: String, arguments: [String] = [], environment: [String], input: String = "") throws {
        self.path = path
        self.arguments = CStringList([path] + arguments)
        self.environment = CStringList(environment)
        output = try .memoryFile(named: "output")
        try setInput(input)
    }

    /// Changes what later runs read, when it depends on what another program wrote.
    func setInput(_ text: String) throws {
        input = Array(text.utf8)
        guard input.count <= 65536 else { throw BenchError("the input of \(path) does not fit in a pipe") }
    }

    /// Runs the program once.
    ///
    /// - Throws: BenchError with what it wrote, when it does not exit with status 0.
    @discardableResult
    func run(_ start: Start = .spawned) throws -> Measurement {
        let child = try self.start(start)
        let usage = try child.wait()
        guard usage.status == 0 else {
            throw BenchError("\(path) ended with wait status \(usage.status): \(try outputText())")
        }
        return usage.measurement
    }

    /// Starts the program without waiting for it.
    func start(_ start: Start = .spawned) throws -> Running {
        let outputDescriptor = output.rawValue
        guard ftruncate(outputDescriptor, 0) == 0, lseek(outputDescriptor, 0, SEEK_SET) == 0 else {
            throw SystemCallError("ftruncate", on: "output of \(path)", .current)
        }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemCallError("pipe", .current) }
        let reader = OwnedFileDescriptor(adopting: ends[0])
        // The writer is closed before the start: the program sees the end of its input, and does not inherit it.
        do {
            let writer = OwnedFileDescriptor(adopting: ends[1])
            try writer.writeAll(input, subject: "input of \(path)")
        }
        let begun = SystemClock.monotonic
        let process =
            switch start {
            case .spawned: try spawn(input: reader.rawValue)
            case .forked:
                cforkexec_start(
                    path,
                    arguments.pointers,
                    environment.pointers,
                    reader.rawValue,
                    outputDescriptor
                )
            }
        guard process > 0 else { throw SystemCallError("fork", on: path, ErrorNumber(rawValue: -process)) }
        return Running(process: process, begun: begun)
    }

    private func spawn(input: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_addclose(&actions, input)
        posix_spawn_file_actions_adddup2(&actions, output.rawValue, 1)
        posix_spawn_file_actions_adddup2(&actions, output.rawValue, 2)
        var process: pid_t = 0
        let failure = posix_spawn(&process, path, &actions, nil, arguments.pointers, environment.pointers)
        guard failure == 0 else { throw SystemCallError("posix_spawn", on: path, ErrorNumber(rawValue: failure)) }
        return process
    }

    /// What the last run wrote.
    func outputText() throws -> String {
        try output.rewind()
        return String(decoding: try output.readToEnd(limit: 1 << 20, subject: "output of \(path)"), as: UTF8.self)
    }

    /// A run that has not been waited for.
    struct Running {
        fileprivate let process: pid_t
        fileprivate let begun: Int64

        /// Waits for the end.
        func wait() throws -> (status: Int32, measurement: Measurement) {
            var status: Int32 = 0
            var usage = rusage()
            while wait4(process, &status, 0, &usage) < 0 {
                guard ErrorNumber.current == .interrupted else { throw SystemCallError("wait4", .current) }
            }
            let wall = SystemClock.monotonic - begun
            let processor = usage.ru_utime.nanoseconds + usage.ru_stime.nanoseconds
            return (status, Measurement(wall: wall, processor: processor, peakMemory: Int64(usage.ru_maxrss)))
        }
    }
}

extension timeval {
    fileprivate var nanoseconds: Int64 { Int64(tv_sec) * 1_000_000_000 + Int64(tv_usec) * 1000 }
}
