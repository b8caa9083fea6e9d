// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// One run of a program under test, complete: the words, the environment, standard input.
struct PluginRequest {
    private let program: String
    private let arguments: [String]
    private let wrapper: [String]
    private var environment: [(name: String, value: String)]
    private var configuration: JSONValue
    private var rawInput: [UInt8]?

    /// Program, container and interface: what an ADD makes and a DEL removes.
    let attachment: String
    /// Whether the program speaks the plugin protocol: one document or nothing on standard output.
    var isPlugin: Bool { wrapper.isEmpty }

    /// Puts together what a step asks for.
    init(_ step: Invocation, of run: CaseRun, previousResult: [String: JSONValue]) throws(CaseError) {
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
        self = asking(step.verb, previousResult: previousResult[attachment])
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
        let name = program ?? run.testCase.program
        self.program = "\(variables["PLUGINS"]?.string ?? "")/\(name)"
        self.arguments = arguments ?? []
        let directory = run.sandbox.directory
        wrapper = arguments == nil ? [] : run.sandbox.privateMountWords
        configuration = variables.expand(run.testCase.configuration.merging(patch))
        let path = "\(directory)/delegates:\(variables["PLUGINS"]?.string ?? "")"
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
        if let previousResult, !isOld, configuration.value(at: "prevResult") == nil {
            request.configuration = configuration.merging(["prevResult": previousResult])
        }
        return request
    }

    /// Runs the program in the host namespace.
    func run(in sandbox: Sandbox) throws(CaseError) -> ChildProcess.Outcome {
        try sandbox.runLimited(
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
