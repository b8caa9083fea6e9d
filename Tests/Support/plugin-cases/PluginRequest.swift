// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// One run of a program under test, complete: the words, the environment, standard input.
struct PluginRequest {
    private let program: String
    private let arguments: [String]
    private let wrapper: [String]
    private var environment: [(name: String, value: String)]
    private let configuration: JSONValue
    private var previousResult: JSONValue?
    private var rawInput: [UInt8]?

    /// Program, container and interface: what an ADD makes and a DEL removes.
    let attachment: String
    /// The name of the executable, without its directory.
    let name: String
    /// Whether the program speaks the plugin protocol: one document or nothing on standard output.
    var isPlugin: Bool { wrapper.isEmpty }

    /// Puts together what a step asks for.
    ///
    /// - Parameter results: What ADD printed last for each attachment.
    init(_ step: Invocation, of run: CaseRun, results: [String: JSONValue]) throws(CaseError) {
        let variables = run.variables
        try self.init(
            verb: step.verb,
            container: step.container,
            patch: step.patch,
            program: step.program,
            arguments: step.arguments?.map(variables.expand),
            changes: step.environment,
            of: run
        )
        if let input = step.input { rawInput = try Self.bytes(variables.expand(input)) }
        guard step.givesPreviousResult, ["CHECK", "DEL"].contains(step.verb) else { return }
        self = asking(step.verb, previousResult: results[attachment])
    }

    /// Puts together the ADD of a plugin that stands before a step's in the chain: for the same attachment.
    init(of program: String, before step: Invocation, of run: CaseRun) throws(CaseError) {
        let names = ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"]
        try self.init(
            verb: "ADD",
            container: step.container,
            patch: [:],
            program: program,
            changes: step.environment.filter { names.contains($0.name) },
            of: run
        )
    }

    /// Puts together a request as a runtime makes it.
    init(
        verb: String,
        container: Int,
        patch: JSONValue,
        program: String? = nil,
        arguments: [String]? = nil,
        changes: [(name: String, value: String?)] = [],
        of run: CaseRun
    ) throws(CaseError) {
        let variables = run.variables
        let plugins = variables["PLUGINS"]?.string ?? ""
        let program = variables.expand(program ?? run.testCase.program)
        name = Path.lastComponent(of: program)
        // A program with a directory is another suite's, and brings its own delegates.
        let home = program.hasPrefix("/") ? Path.parent(of: program) : plugins
        self.program = "\(home)/\(name)"
        self.arguments = arguments ?? []
        let directory = run.sandbox.directory
        wrapper = arguments == nil ? [] : run.sandbox.privateMountWords
        configuration = variables.expand(run.testCase.configuration(of: name).merging(patch))
        let path = "\(directory)/delegates:\(home)" + (home == plugins ? "" : ":\(plugins)")
        var environment: [(name: String, value: String)] = [("CNI_PATH", path)]
        if arguments != nil {
            environment += [("NETCONFPATH", "\(directory)/net.d")]
        } else {
            if !verb.isEmpty { environment.append(("CNI_COMMAND", verb)) }
            if !["GC", "STATUS", "VERSION"].contains(verb) {
                let interface = name == "loopback" ? "lo" : "eth0"
                environment += [
                    ("CNI_CONTAINERID", container == 0 ? "warm-up" : "container-\(container)"),
                    ("CNI_IFNAME", interface), ("CNI_NETNS", run.sandbox.path(of: .container(container))),
                ]
            }
        }
        for change in changes {
            environment.removeAll { $0.name == change.name }
            if let value = change.value { environment.append((change.name, variables.expand(value))) }
        }
        self.environment = environment
        let key = ["CNI_CONTAINERID", "CNI_IFNAME"].map { name in
            environment.first { $0.name == name }?.value ?? ""
        }
        attachment = ([name] + key).joined(separator: " ")
    }

    /// The same request with another verb and what a runtime gives then: a previous result from 0.4.0 on.
    func asking(_ verb: String, previousResult: JSONValue?) -> PluginRequest {
        var request = self
        request.environment.removeAll { $0.name == "CNI_COMMAND" }
        request.environment.append(("CNI_COMMAND", verb))
        let isOld = ["0.1.0", "0.2.0", "0.3.0", "0.3.1"].contains(configuration.text("cniVersion"))
        request.previousResult = isOld ? nil : previousResult
        return request
    }

    /// The same request with the result of the plugin before it in the chain.
    func following(_ previousResult: JSONValue) -> PluginRequest {
        var request = self
        request.previousResult = previousResult
        return request
    }

    /// Whether the case itself says what the previous result is, or that there is none.
    var hasOwnPreviousResult: Bool { rawInput != nil || configuration.value(at: "prevResult") != nil }

    /// Runs the program in the host namespace.
    func run(in sandbox: Sandbox) throws(CaseError) -> ChildProcess.Outcome {
        var configuration = configuration
        if let previousResult, !hasOwnPreviousResult {
            configuration = configuration.merging(["prevResult": previousResult])
        }
        return try sandbox.runLimited(
            wrapper + [program] + arguments,
            in: .host,
            environment: environment.map { "\($0.name)=\($0.value)" },
            input: rawInput ?? configuration.text()
        )
    }

    /// Standard input as a case writes it: a text, or a list of texts, repetitions and hexadecimal bytes.
    private static func bytes(_ value: JSONValue) throws(CaseError) -> [UInt8] {
        if let text = value.string { return Array(text.utf8) }
        if let parts = value.array {
            var bytes: [UInt8] = []
            for part in parts { bytes += try Self.bytes(part) }
            return bytes
        }
        if let text = value.value(at: "repeat")?.string, case .integer(let times)? = value.value(at: "times") {
            return Array(repeatElement(Array(text.utf8), count: Int(times)).joined())
        }
        if let digits = value.value(at: "hex")?.string {
            return digits.split(separator: " ").compactMap { UInt8($0, radix: 16) }
        }
        throw CaseError("stdin \(value.shown) is no text, list, {\"repeat\", \"times\"} or {\"hex\"}")
    }
}

extension Sandbox {
    /// What runs a program with a /var/lib of the case's own, where runtimes keep their cache.
    var privateMountWords: [String] {
        let script = "mount --bind '\(directory)/var-lib' /var/lib && exec \"$0\" \"$@\""
        return [tools.unshare, "-m", tools.shell, "-c", script]
    }
}
