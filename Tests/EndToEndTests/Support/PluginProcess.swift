// swift-cni, SPDX-License-Identifier: Apache-2.0

import CProcessControl
import Glibc
import LinuxSystem

/// A program that is run to its end as a runtime would run it: with just these variables and this standard input.
struct PluginProcess {
    /// The executable's path.
    var path: String
    /// Arguments after the name.
    var arguments: [String] = []
    /// `NAME=value`, in bytes: not every environment is UTF-8.
    var environment: [[UInt8]]
    /// What it reads.
    var input: [UInt8]

    /// How a program ended and what it wrote.
    struct Outcome {
        /// How it ended.
        enum Termination: Hashable {
            /// It exited with this status.
            case exited(Int32)
            /// This signal ended it.
            case signalled(Int32)
            /// It did not end in time.
            case deadlinePassed
        }
        /// How it ended.
        let termination: Termination
        /// What it wrote to standard output.
        let standardOutput: [UInt8]
        /// What it wrote to standard error.
        let standardError: [UInt8]

        /// The wait status, the way wait(2) lays it out, and both streams as text: for a test's complaint.
        var summary: String {
            "\(termination), stdout <\(String(decoding: standardOutput.prefix(2000), as: UTF8.self))>,"
                + " stderr <\(String(decoding: standardError.prefix(2000), as: UTF8.self))>"
        }
    }

    /// Runs the program and kills it when it takes too long.
    func run(deadlineMilliseconds: Int32 = 5000) throws -> Outcome {
        var status: Int32 = 0
        let (expired, output, errors) = try withProgram { program in
            cprocess_run(program, deadlineMilliseconds, &status)
        }
        return Outcome(
            termination: expired == 1 ? .deadlinePassed : Self.termination(of: status),
            standardOutput: output,
            standardError: errors
        )
    }

    /// Runs the program under ptrace(2); see `cprocess_trace`.
    func trace(_ plan: cprocess_plan) throws -> (outcome: Outcome, report: cprocess_report) {
        var report = cprocess_report()
        let (_, output, errors) = try withProgram { program in
            withUnsafePointer(to: plan) { cprocess_trace(program, $0, &report) }
        }
        let outcome = Outcome(
            termination: Self.termination(of: report.status),
            standardOutput: output,
            standardError: errors
        )
        return (outcome, report)
    }

    private static func termination(of status: Int32) -> Outcome.Termination {
        status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f)
    }

    private func withProgram(
        _ body: (UnsafePointer<cprocess_program>) -> Int32
    ) throws -> (result: Int32, output: [UInt8], errors: [UInt8]) {
        let output = try OwnedFileDescriptor.memoryFile(named: "stdout")
        let errors = try OwnedFileDescriptor.memoryFile(named: "stderr")
        let source = try OwnedFileDescriptor.source(of: input)
        let argumentList = CStrings([Array(path.utf8)] + arguments.map { Array($0.utf8) })
        let environmentList = CStrings(environment)
        let result = path.withCString { path in
            var program = cprocess_program(
                path: path,
                arguments: argumentList.pointers,
                environment: environmentList.pointers,
                standard_input: source.rawValue,
                standard_output: output.rawValue,
                standard_error: errors.rawValue
            )
            return body(&program)
        }
        guard result >= 0 else {
            throw SystemCallError("run", on: path, ErrorNumber(rawValue: -result))
        }
        try output.rewind()
        try errors.rewind()
        return (
            result, try output.readToEnd(limit: 64 << 20, subject: "stdout"),
            try errors.readToEnd(limit: 64 << 20, subject: "stderr")
        )
    }
}

extension OwnedFileDescriptor {
    /// A descriptor that yields given bytes and then ends: a pipe, as a runtime's, while they fit into one.
    fileprivate static func source(of bytes: [UInt8]) throws -> OwnedFileDescriptor {
        // A pipe takes 64 KiB without a reader (pipe(7)).
        guard bytes.count <= 65_536 else {
            let file = try OwnedFileDescriptor.memoryFile(named: "stdin")
            try file.writeAll(bytes, subject: "stdin")
            try file.rewind()
            return file
        }
        var ends: [Int32] = [-1, -1]
        guard cprocess_pipe(&ends) == 0 else { throw SystemCallError("pipe2", .current) }
        let reader = OwnedFileDescriptor(adopting: ends[0])
        let writer = OwnedFileDescriptor(adopting: ends[1])
        try writer.writeAll(bytes, subject: "pipe")
        return reader
    }
}

/// A NULL-terminated array of C strings that lives as long as the value; bytes after a NUL are not seen.
private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [[UInt8]]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: string.count + 1)
            for (offset, byte) in string.enumerated() { copy[offset] = CChar(bitPattern: byte) }
            copy[string.count] = 0
            (pointers + index).initialize(to: copy)
        }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { pointers[index]?.deallocate() }
        pointers.deallocate()
    }
}
