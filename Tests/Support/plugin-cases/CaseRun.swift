// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// One run of one case: its sandbox, its variables, what went wrong so far.
final class CaseRun {
    /// The case.
    let testCase: TestCase
    /// What the case has to itself.
    let sandbox: Sandbox
    /// What names stand for.
    var variables = Variables()
    /// What was not as expected, each with the step it happened in.
    private(set) var problems: [String] = []
    /// Attachments that an ADD made and no DEL removed, oldest first.
    private var live: [Attachment] = []
    /// Those of them that were there at the first snapshot.
    private var standing: Set<String> = []
    /// What ADD printed last for an attachment.
    private var results: [String: JSONValue] = [:]

    /// What is needed to remove an attachment again.
    private struct Attachment {
        let key: String
        let request: PluginRequest
    }

    /// Prepares a run.
    init(_ testCase: TestCase, plugins: String, tools: Tools) throws(CaseError) {
        self.testCase = testCase
        sandbox = try Sandbox(tools: tools)
        variables["VERSION"] = .string(testCase.version)
        variables["PLUGINS"] = .string(plugins)
        variables["REFERENCE"] = .string(Requirement.reference)
        variables["TEMP"] = .string(sandbox.directory)
        variables["DATADIR"] = .string("\(sandbox.directory)/networks")
        variables["HOSTNS"] = .string(sandbox.path(of: .host))
        variables["NETNS"] = .string(sandbox.path(of: .container(1)))
        variables["NETNS2"] = .string(sandbox.path(of: .container(2)))
        variables["ID"] = "container-1"
        variables["ID2"] = "container-2"
        variables["LONG300"] = .string(String(repeating: "a", count: 300))
    }

    /// Runs the case and answers what was not as expected.
    static func problems(_ testCase: TestCase, plugins: String, tools: Tools) -> [String] {
        do throws(CaseError) {
            guard File.isRegular("\(plugins)/\(testCase.program)") else {
                return ["there is no program \(testCase.program) in \(plugins)"]
            }
            let run = try CaseRun(testCase, plugins: plugins, tools: tools)
            do throws(CaseError) { try run.runAll() } catch { run.note("\(error)", at: "the runner") }
            return run.problems
        } catch {
            return ["\(error)"]
        }
    }

    private func runAll() throws(CaseError) {
        try writeFiles()
        for step in testCase.before { try perform(step, at: "before") }
        if let patch = testCase.warmUp { try warmUp(patch) }
        standing = Set(live.map(\.key))
        let before = try Snapshot.take(sandbox, files: sandbox.directory + "/networks")
        for (index, step) in testCase.steps.enumerated() {
            let place = "step \(index + 1)"
            if case .nothingLeft = step {
                try compare(with: before, at: place)
            } else {
                // What follows a failed step still tells something; a case reports all it finds.
                do throws(CaseError) { try perform(step, at: place) } catch { note("\(error)", at: place) }
            }
        }
        guard testCase.leavesNothing else { return }
        for attachment in live.reversed() where !standing.contains(attachment.key) { try remove(attachment) }
        try compare(with: before, at: "the end")
    }

    private func compare(with before: Snapshot, at place: String) throws(CaseError) {
        let now = try Snapshot.take(sandbox, files: sandbox.directory + "/networks")
        for difference in before.differences(to: now) { note(difference, at: place) }
    }

    /// Records something that is not as expected.
    func note(_ problem: String, at place: String) { problems.append("\(place): \(problem)") }

    private func perform(_ step: Step, at place: String) throws(CaseError) {
        switch step {
        case .invoke(let invocation): try perform(invocation, at: "\(place), \(invocation.verb)")
        case .shell(let namespace, let script): try sandbox.shell(variables.expand(script), in: namespace)
        case .look(let look):
            let found = try sandbox.answer(look.question, in: look.place, variables)
            for difference in Matcher.differences(found, from: variables.expand(look.answer)) {
                note("in \(look.place), \(look.question): \(difference)", at: place)
            }
        case .nothingLeft: break
        }
    }

    private func perform(_ invocation: Invocation, at place: String) throws(CaseError) {
        var request = try PluginRequest(invocation, of: self, results: results)
        if invocation.verb == "ADD", invocation.givesPreviousResult, request.name == testCase.program {
            if !request.hasOwnPreviousResult, let result = try attachChain(before: invocation) {
                variables["PREVIOUS"] = result
                request = request.following(result)
            }
        }
        let answer = PluginAnswer(try request.run(in: sandbox), verb: request.isPlugin ? invocation.verb : nil)
        for problem in answer.problems(invocation.expectation, variables) { note(problem, at: place) }
        guard answer.isSuccess else { return }
        if invocation.verb == "ADD" {
            attached(request, answer)
        } else if invocation.verb == "DEL" {
            live.removeAll { $0.key == request.attachment }
        }
        for (name, path) in invocation.remember {
            variables[name] = answer.document?.value(at: path)
            if variables[name] == nil { note("the result has no \(path)", at: place) }
        }
    }

    private func attached(_ request: PluginRequest, _ answer: PluginAnswer) {
        results[request.attachment] = answer.document
        live.removeAll { $0.key == request.attachment }
        live.append(Attachment(key: request.attachment, request: request))
    }

    /// ADDs what stands before the program in the chain, unless that lives already for this attachment.
    ///
    /// - Returns: What the last of them answered; nil when nothing stands before the program.
    private func attachChain(before invocation: Invocation) throws(CaseError) -> JSONValue? {
        var result: JSONValue?
        for program in testCase.chain.map(\.program) {
            var request = try PluginRequest(of: program, before: invocation, of: self)
            if !live.contains(where: { $0.key == request.attachment }) {
                if let result { request = request.following(result) }
                let answer = PluginAnswer(try request.run(in: sandbox), verb: "ADD")
                guard answer.isSuccess else { throw CaseError("ADD of \(program), before it: \(answer.text)") }
                attached(request, answer)
            }
            result = results[request.attachment]
        }
        return result
    }

    private func remove(_ attachment: Attachment) throws(CaseError) {
        let request = attachment.request.asking("DEL", previousResult: results[attachment.key])
        let answer = PluginAnswer(try request.run(in: sandbox), verb: "DEL")
        for problem in answer.problems(.success, variables) { note(problem, at: "the closing DEL") }
    }

    /// An ADD and a DEL of the chain in a namespace and a data directory of their own, so that what belongs to the
    /// network exists.
    private func warmUp(_ patch: JSONValue) throws(CaseError) {
        let data = variables["DATADIR"]
        variables["DATADIR"] = .string("\(sandbox.directory)/warm-up")
        defer { variables["DATADIR"] = data }
        var requests: [PluginRequest] = []
        var result: JSONValue?
        for program in testCase.chain.map(\.program) + [testCase.program] {
            let patch = program == testCase.program ? patch : [:]
            var add = try PluginRequest(verb: "ADD", container: 0, patch: patch, program: program, of: self)
            if let result { add = add.following(result) }
            let answer = PluginAnswer(try add.run(in: sandbox), verb: "ADD")
            guard answer.isSuccess else { throw CaseError("the warm-up ADD failed: \(answer.text)") }
            result = answer.document
            requests.append(add)
        }
        for request in requests.reversed() {
            let delete = request.asking("DEL", previousResult: result)
            let end = PluginAnswer(try delete.run(in: sandbox), verb: "DEL")
            guard end.isSuccess else { throw CaseError("the warm-up DEL failed: \(end.text)") }
        }
    }

    private func writeFiles() throws(CaseError) {
        let directory = sandbox.directory
        try system { () throws(SystemCallError) in
            for name in ["delegates", "net.d", "networks", "var-lib/cni"] {
                try Directory.create("\(directory)/\(name)", mode: 0o755)
            }
            for file in testCase.files {
                let path = "\(directory)/\(variables.expand(file.name))"
                try Directory.create(Path.parent(of: path), mode: 0o755)
                let contents = variables.expand(file.contents)
                try File.replace(path, with: contents.string.map { Array($0.utf8) } ?? contents.text())
            }
            for delegate in testCase.delegates {
                let script = "#!/bin/sh\n\(variables.expand(delegate.script))\n"
                try File.replace("\(directory)/delegates/\(delegate.name)", with: Array(script.utf8), mode: 0o755)
            }
        }
    }
}
