// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import Glibc
public import JSON
internal import LinuxSystem

/// What a plugin answered when it succeeded.
public struct PluginAnswer: Sendable {
    /// The document on its standard output; nil when there was none.
    public let document: JSONValue?
    /// What it wrote to standard error.
    public let standardError: String
}

/// A plugin that was started and waits for its configuration, works, or is done.
///
/// Starting and sending are apart so that a plugin's start-up can overlap with the caller's own work. A running plugin
/// dies with its starter, and is killed when the value ends before ``finish()``.
public struct RunningPlugin: ~Copyable {
    private let type: String
    private let verb: Verb
    private var child: ChildProcess
    /// Whether it failed and said so itself, in an error document: then it has cleaned up, which one that fell over has not.
    public private(set) var hasReportedFailure = false

    /// Finds and starts a plugin.
    ///
    /// - Throws: ``CNIError`` with code 104 when it is not found or cannot be executed.
    public static func start(_ type: String, _ invocation: PluginInvocation) throws(CNIError) -> RunningPlugin {
        let path = try PluginPath.find(type, in: invocation.searchPath)
        let environment = invocation.environment
        // A plugin that is being replaced in place answers ETXTBSY for a moment; there is no event to wait for.
        for _ in 0..<50 {
            do {
                let child = try ChildProcess.start(path, environment: environment)
                return RunningPlugin(type: type, verb: invocation.verb, child: child)
            } catch {
                guard error.number == .textFileBusy else {
                    throw CNIError(.delegation, "plugin \(type) could not be started", details: "\(error)")
                }
                usleep(20_000)
            }
        }
        throw CNIError(
            .delegation,
            "plugin \(type) could not be started: \(path) was open for writing for one second",
            details: "install plugins by renaming a complete file into place"
        )
    }

    private init(type: String, verb: Verb, child: consuming ChildProcess) {
        self.type = type
        self.verb = verb
        self.child = child
    }

    /// Hands the plugin its network configuration.
    public mutating func send(_ configuration: JSONValue) throws(CNIError) {
        do { try child.send(configuration.text()) } catch {
            throw CNIError(.inputOutput, "plugin \(type): its configuration could not be written", details: "\(error)")
        }
    }

    /// Waits for the plugin's end and reads its answer.
    ///
    /// - Throws: the plugin's own error with its code, or code 104 when it gave no usable answer.
    public mutating func finish() throws(CNIError) -> PluginAnswer {
        let outcome: ChildProcess.Outcome
        do { outcome = try child.wait() } catch {
            throw CNIError(.delegation, "plugin \(type): its answer could not be read", details: "\(error)")
        }
        let standardError = String(decoding: outcome.standardError, as: UTF8.self)
        let document = try? JSONValue(parsing: outcome.standardOutput)
        if outcome.termination == .exited(0) {
            // libcni tolerates a literal null for "nothing".
            if outcome.standardOutput.isEmpty || document == .null {
                return PluginAnswer(document: nil, standardError: standardError)
            }
            guard let document else {
                throw unusable("succeeded, but wrote something that is not JSON", outcome, standardError)
            }
            return PluginAnswer(document: document, standardError: standardError)
        }
        if let document, let error = CNIError(document: document) {
            hasReportedFailure = true
            throw error.adding(details: standardError.isEmpty ? "" : "standard error: \(standardError.trimmed)")
        }
        switch outcome.termination {
        case .exited(let status): throw unusable("failed with exit status \(status)", outcome, standardError)
        case .signalled(let signal): throw unusable("was ended by signal \(signal)", outcome, standardError)
        }
    }

    private func unusable(_ what: String, _ outcome: ChildProcess.Outcome, _ standardError: String) -> CNIError {
        var error = CNIError(.delegation, "plugin \(type) \(what) and gave no error document (\(verb.rawValue))")
        let output = String(decoding: outcome.standardOutput.prefix(2_000), as: UTF8.self)
        if !output.isEmpty { error = error.adding(details: "standard output: \(output.trimmed)") }
        if !standardError.isEmpty { error = error.adding(details: "standard error: \(standardError.trimmed)") }
        return error
    }
}

/// Runs a plugin from start to end.
public func runPlugin(
    _ type: String,
    _ invocation: PluginInvocation,
    configuration: JSONValue
) throws(CNIError) -> PluginAnswer {
    var plugin = try RunningPlugin.start(type, invocation)
    try plugin.send(configuration)
    return try plugin.finish()
}

/// Where plugins are found.
public enum PluginPath {
    /// The path of a plugin's executable: the first regular file of that name in the listed directories.
    ///
    /// - Throws: ``CNIError`` with code 104 that names the directories, or 7 when the type is no file name.
    public static func find(_ type: String, in searchPath: String) throws(CNIError) -> String {
        // Bytes, not characters: a combining mark behind a slash makes another character of it, not of the path.
        guard !type.isEmpty, !type.utf8.contains(where: { $0 == 0x2f || $0 == 0 }), type != ".", type != ".." else {
            throw CNIError(
                .invalidConfiguration,
                "plugin type \"\(type)\" is not the name of an executable in CNI_PATH"
            )
        }
        for directory in searchPath.split(separator: ":") {
            let path = "\(directory)/\(type)"
            if File.isRegular(path) { return path }
        }
        throw CNIError(
            .delegation,
            "failed to find plugin \"\(type)\" in path [\(searchPath)]: install it there or correct CNI_PATH"
        )
    }
}

extension String {
    /// At most 2,000 characters, without the line end.
    fileprivate var trimmed: String {
        var text = self[...].prefix(2_000)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
