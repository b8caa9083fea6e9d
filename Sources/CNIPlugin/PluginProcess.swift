// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import Glibc
internal import JSON
public import LinuxSystem

/// The process boundary of a plugin: everything that comes in, in one value.
public struct ProcessInput {
    /// The environment as `KEY=value` entries.
    public var environment: [String]
    /// Reads standard input to its end; with patience, in nanoseconds, gives up when nothing more comes.
    public var readStandardInput: (_ patience: Int64?) throws(SystemCallError) -> [UInt8]

    /// Describes an input.
    public init(
        environment: [String],
        readStandardInput: @escaping (_ patience: Int64?) throws(SystemCallError) -> [UInt8]
    ) {
        self.environment = environment
        self.readStandardInput = readStandardInput
    }

    /// The last value of a variable; nil when it is not set.
    func variable(_ name: String) -> String? {
        for entry in environment.reversed() {
            if let value = ProcessEnvironment.value(of: name, in: entry) { return value }
        }
        return nil
    }
}

/// Everything that goes out of a plugin.
public struct ProcessOutput {
    /// The bytes for standard output: at most one document.
    public var standardOutput: [UInt8] = []
    /// The lines for standard error.
    public var standardError: [String] = []
    /// The exit status: 0 or 1.
    public var status: Int32 = 0
    /// What to take back when standard output cannot be written: a result nobody got is an ADD that failed.
    var undo: UndoList?
}

/// The life of a plugin process, the same for all plugins.
public enum PluginProcess {
    /// Does what the environment asks of a plugin and exits.
    public static func main(_ plugin: (some Plugin).Type) -> Never {
        TerminationSignals.note()
        var output = run(
            plugin,
            ProcessInput(environment: ProcessEnvironment.entries, readStandardInput: readStandardInput)
        )
        let standardOutput = OwnedFileDescriptor(adopting: STDOUT_FILENO)
        do { try standardOutput.writeAll(output.standardOutput, subject: "standard output") } catch {
            output.standardError.append("error: \(error)")
            output.standardError += output.undo?.run() ?? []
            output.status = 1
        }
        if !output.standardError.isEmpty {
            let text = output.standardError.map { "\(plugin.name): \($0)\n" }.joined()
            // Nothing is left to tell a failure to.
            try? OwnedFileDescriptor(adopting: STDERR_FILENO).writeAll(Array(text.utf8))
        }
        // Owned values have done their work; skipping the rest of the teardown saves start-up's twin.
        _exit(output.status)
    }

    /// The most that is read of standard input, in bytes.
    static let inputLimit = 16 << 20

    private static func readStandardInput(patience: Int64?) throws(SystemCallError) -> [UInt8] {
        // A person at a terminal who asks for the version should not have to type a document.
        if patience != nil && isatty(STDIN_FILENO) == 1 { return [] }
        let standardInput = OwnedFileDescriptor(adopting: STDIN_FILENO)
        // Waiting is what a signal can end; a blocked read could not be.
        return try standardInput.readToEnd(limit: inputLimit, subject: "standard input", patience: patience ?? -1)
    }
}
