// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// What came of one run of a program under test.
struct PluginAnswer {
    private let outcome: ChildProcess.Outcome
    private let verb: String?
    /// The one document on standard output; nil when there is none or more than one.
    let document: JSONValue?

    /// Reads an outcome.
    ///
    /// - Parameter verb: The plugin's verb; nil for programs that do not speak the plugin protocol.
    init(_ outcome: ChildProcess.Outcome, verb: String?) {
        self.outcome = outcome
        self.verb = verb
        document = try? JSONValue(parsing: outcome.standardOutput)
    }

    /// Whether the program exited with status 0.
    var isSuccess: Bool { outcome.termination == .exited(0) }

    /// Everything it wrote.
    var text: String {
        String(decoding: outcome.standardOutput + outcome.standardError, as: UTF8.self).trimmed(to: 800)
    }

    /// What differs from an expectation.
    func problems(_ expectation: Expectation, _ variables: Variables) -> [String] {
        if Sandbox.isTimeOut(outcome) { return ["did not end within \(Sandbox.timeLimit) s"] }
        var problems: [String] = []
        if outcome.termination != .exited(expectation.exit) {
            problems.append("\(outcome.termination), expected exit \(expectation.exit): \(text)")
        }
        problems += protocolProblems(expectation)
        if let output = expectation.output, output != String(decoding: outcome.standardOutput, as: UTF8.self) {
            problems.append("standard output is not \"\(output)\": \(text)")
        }
        let errorOutput = String(decoding: outcome.standardError, as: UTF8.self)
        for part in expectation.errorOutput.map(variables.expand) where !errorOutput.contains(part) {
            problems.append("standard error does not say \"\(part)\": \(text)")
        }
        guard outcome.termination == .exited(expectation.exit) else { return problems }
        if let expected = expectation.result {
            problems += Matcher.differences(document, from: variables.expand(expected))
        }
        if let expected = expectation.exact {
            problems += Matcher.differences(document, from: variables.expand(expected), exact: true)
        }
        return problems + errorProblems(expectation, variables)
    }

    /// What a plugin writes is fixed: one document, or nothing where success has nothing to say.
    private func protocolProblems(_ expectation: Expectation) -> [String] {
        guard let verb, expectation.output == nil else { return [] }
        let isSilent = isSuccess && !["ADD", "VERSION"].contains(verb)
        if isSilent && !outcome.standardOutput.isEmpty { return ["success of \(verb) prints something: \(text)"] }
        if !isSilent && document == nil { return ["standard output is not one JSON document: \(text)"] }
        guard !isSuccess, let document else { return [] }
        let form: JSONValue = [
            "code": "<number>", "msg": "<string>", "details": .object([("$one of", ["<absent>", "<string>"])]),
        ]
        return Matcher.differences(document, from: form).map { "the error document: \($0)" }
    }

    private func errorProblems(_ expectation: Expectation, _ variables: Variables) -> [String] {
        guard let document else { return [] }
        var problems: [String] = []
        if let code = expectation.errorCode {
            problems += Matcher.differences(document.value(at: "code"), from: code).map { "error code \($0): \(text)" }
        }
        let said = (document.text("msg") + "\n" + document.text("details")).lowercased()
        for part in expectation.errorTexts.map(variables.expand) where !said.contains(part.lowercased()) {
            problems.append("the error does not say \"\(part)\": \(text)")
        }
        if let expected = expectation.errorDocument {
            problems += Matcher.differences(document, from: variables.expand(expected)).map { "the error: \($0)" }
        }
        return problems
    }
}

extension String {
    /// The text without what exceeds a number of characters.
    fileprivate func trimmed(to count: Int) -> String { self.count > count ? "\(prefix(count))…" : self }
}
