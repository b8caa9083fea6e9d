// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import JSON
public import LinuxSystem

/// A command that failed in a test: what was run and what it wrote.
public struct CommandFailure: Error, CustomStringConvertible {
    /// What was run, how it ended, and what it wrote.
    public let description: String
}

/// Programs run by tests: the witnesses (`ip -j`, `bridge -j`) and the built products.
public enum Command {
    /// Runs a program found in PATH and returns its standard output.
    ///
    /// - Throws: ``CommandFailure`` when it does not exit with status 0.
    @discardableResult
    public static func run(_ words: String..., input: String = "") throws -> String { try run(words, input: input) }

    /// Runs a program found in PATH and returns its standard output.
    @discardableResult
    public static func run(_ words: [String], input: String = "") throws -> String {
        let outcome = try outcome(words, input: input)
        guard outcome.termination == .exited(0) else {
            throw CommandFailure(
                description: "\(words.joined(separator: " ")): \(outcome.termination): "
                    + String(decoding: outcome.standardError + outcome.standardOutput, as: UTF8.self)
            )
        }
        return String(decoding: outcome.standardOutput, as: UTF8.self)
    }

    /// Runs a program and returns how it ended, whatever that was.
    public static func outcome(
        _ words: [String],
        input: String = "",
        environment: [String]? = nil
    ) throws -> ChildProcess.Outcome {
        guard let name = words.first else { throw CommandFailure(description: "no command") }
        var child = try ChildProcess.start(
            try locate(name),
            arguments: Array(words.dropFirst()),
            environment: environment ?? ProcessEnvironment.entries
        )
        try child.send(Array(input.utf8))
        return try child.wait()
    }

    /// Runs a program inside a namespace and returns its standard output.
    @discardableResult
    public static func run(_ words: String..., in namespace: borrowing NetworkNamespace) throws -> String {
        try namespace.run { Result { try run(words) } }.get()
    }

    /// Runs a witness such as `ip -j link` inside a namespace and returns what it printed.
    public static func json(_ words: String..., in namespace: borrowing NetworkNamespace) throws -> JSONNode {
        let text = try namespace.run { Result { try run(words) } }.get()
        return JSONNode(text.isEmpty ? .array([]) : try JSONValue(parsing: Array(text.utf8)))
    }

    private static func locate(_ name: String) throws -> String {
        if name.contains("/") { return name }
        for directory in ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] where File.isRegular("\(directory)/\(name)") {
            return "\(directory)/\(name)"
        }
        throw CommandFailure(description: "\(name) is not installed")
    }
}
