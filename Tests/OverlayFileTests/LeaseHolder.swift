// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CProcessControl
internal import Glibc
internal import IPAddresses
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import Testing

/// A node as a process of its own, which takes or renews its lease once and ends.
struct LeaseHolder {
    let directory: SharedDirectory
    /// The node's number, and its name.
    let number: Int
    /// The network, as this node reads it.
    let configuration: String
    /// What it would like to have.
    let preferred: String

    /// How it ended, and the key that it printed.
    struct Outcome {
        let status: Int32
        let output: String

        /// Whether it said which lease it has.
        var hasHeld: Bool { status == 0 }
    }

    /// Runs it without disturbing it, and returns the lease that it says it has.
    func hold() throws -> String {
        let outcome = try trace(nil).outcome
        #expect(outcome.hasHeld, "\(outcome)")
        return outcome.output
    }

    /// Runs it and kills it at one of its system calls; nil for none.
    func trace(_ call: Int?) throws -> (outcome: Outcome, report: cprocess_report) {
        var report = cprocess_report()
        let plan = Self.plan(call ?? 0)
        let output = try withProgram { program, output in
            _ = withUnsafePointer(to: plan) { cprocess_trace(program, $0, &report) }
            return try Self.text(output)
        }
        return (Outcome(status: report.status, output: output), report)
    }

    /// Runs it, and another one while it stands still at one of its system calls.
    func trace(
        _ call: Int,
        beside other: LeaseHolder
    ) throws -> (outcome: Outcome, other: Outcome, report: cprocess_report) {
        var report = cprocess_report()
        let plan = Self.plan(call)
        let outputs = try withProgram { program, output in
            try other.withProgram { otherProgram, otherOutput in
                _ = withUnsafePointer(to: plan) { cprocess_trace_beside(program, $0, otherProgram, 400, &report) }
                return (try Self.text(output), try Self.text(otherOutput))
            }
        }
        return (
            Outcome(status: report.status, output: outputs.0), Outcome(status: report.other_status, output: outputs.1),
            report
        )
    }

    private static func plan(_ call: Int) -> cprocess_plan {
        cprocess_plan(counted: CPROCESS_READER, victim: CPROCESS_PROGRAM, call: call, signal: SIGKILL)
    }

    private static func text(_ output: borrowing OwnedFileDescriptor) throws -> String {
        try output.rewind()
        let text = String(decoding: try output.readToEnd(limit: 1 << 20, subject: "output"), as: UTF8.self)
        return String(text.split(separator: "\n", maxSplits: 1).first ?? "")
    }

    private func withProgram<Result>(
        _ body: (UnsafePointer<cprocess_program>, borrowing OwnedFileDescriptor) throws -> Result
    ) throws -> Result {
        let path = try BuiltProduct.path("lease-holder")
        let words = [
            path, directory.path, directory.appending("state-\(number)"), "\(number)", configuration, preferred,
        ]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        let input = try OwnedFileDescriptor.memoryFile(named: "input")
        try input.writeAll([UInt8(ascii: "\n")], subject: "input")
        try input.rewind()
        let output = try OwnedFileDescriptor.memoryFile(named: "output")
        return try arguments.withUnsafeMutableBufferPointer { arguments in
            try environment.withUnsafeMutableBufferPointer { environment in
                try path.withCString { path in
                    var program = cprocess_program(
                        path: path,
                        arguments: arguments.baseAddress,
                        environment: environment.baseAddress,
                        standard_input: input.rawValue,
                        standard_output: output.rawValue,
                        standard_error: output.rawValue
                    )
                    return try body(&program, output)
                }
            }
        }
    }
}
