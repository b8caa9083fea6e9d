// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON
import LinuxSystem
import LinuxTesting
import Synchronization
import Testing

extension EndToEnd {
    /// Input that is wrong in ten thousand ways.
    @Suite(.requiresProducts("bridge", "flannel", "host-local", "loopback")) struct MalformedInput {
        /// Documents in one batch: each batch has a fresh host, or what one left would hide what the next does.
        private static var batchSize: Int { 500 }

        @Test func `ten thousand mutated documents and environments end in a rule-abiding answer and leave nothing`()
            throws
        {
            let batches = BuiltProducts.runsLong ? 100 : 20
            let complaints = Complaints()
            let next = Atomic(0)
            try Threads.run(2) { _ in
                while true {
                    let batch = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    if batch >= batches || complaints.areEnough { return }
                    try Self.runBatch(seed: UInt64(batch), complaints)
                }
            }
            #expect(complaints.answers >= batches * Self.batchSize || complaints.areEnough)
            // Mutations that all fail early would test little.
            #expect(complaints.successes * 20 > complaints.answers)
            complaints.report()
        }

        @Test(.requiresProducts("cnitool"))
        func `cnitool survives mutated lists`() throws {
            let complaints = Complaints()
            try Threads.run(2) { worker in
                let host = try TestHost()
                let container = try TestContainer("c1")
                try ConfinedHost.run(host, container) {
                    var mutator = Mutator(seed: 1_000_000 + UInt64(worker))
                    for _ in 0..<500 {
                        if complaints.areEnough { return }
                        try Self.runList(mutator.document(from: MutationBase.list), complaints)
                    }
                }
                try Self.expectNothingLeft(host, container, "cnitool, worker \(worker)", complaints)
            }
            complaints.report()
        }

        private static func runBatch(seed: UInt64, _ complaints: Complaints) throws {
            let host = try TestHost()
            let container = try TestContainer("c1")
            try ConfinedHost.run(host, container) {
                var mutator = Mutator(seed: seed)
                let bases = MutationBase.all
                for number in 0..<batchSize {
                    if complaints.areEnough { return }
                    let base = mutator.choice(bases)
                    var call = MutatedCall(base, number: number, &mutator)
                    try call.run(complaints, place: "batch \(seed), document \(number)")
                }
            }
            try expectNothingLeft(host, container, "batch \(seed)", complaints)
        }

        /// What failed was undone and what succeeded was deleted: no attachment is left on either side.
        private static func expectNothingLeft(
            _ host: TestHost,
            _ container: TestContainer,
            _ place: String,
            _ complaints: Complaints
        ) throws {
            let links = try Command.json("ip", "-j", "link", "show", "type", "veth", in: host.namespace).elements()
            if !links.isEmpty { complaints.add("\(place) leaves links: \(links.map { $0["ifname"]?.value })") }
            let inside = try Command.json("ip", "-j", "link", in: container.namespace).elements()
            if inside.count != 1 {
                complaints.add("\(place) leaves in the container: \(inside.map { $0["ifname"]?.value })")
            }
        }

        private static func runList(_ list: [UInt8], _ complaints: Complaints) throws {
            try File.replace("\(ConfinedHost.listDirectory)/10-pods.conflist", with: list)
            for verb in ["status", "add", "check", "gc", "add", "del"] {
                let process = PluginProcess(
                    path: "\(ConfinedHost.pluginDirectory)/cnitool",
                    arguments: [verb, "pods", ConfinedHost.containerNamespace],
                    environment: [
                        Array("CNI_PATH=\(ConfinedHost.pluginDirectory)".utf8),
                        Array("NETCONFPATH=\(ConfinedHost.listDirectory)".utf8),
                    ],
                    input: []
                )
                let outcome = try process.run()
                complaints.count(success: outcome.termination == .exited(0))
                let text = String(decoding: list.prefix(3000), as: UTF8.self)
                let isDocument = (try? JSONValue(parsing: outcome.standardOutput)) != nil
                switch outcome.termination {
                case .exited(0) where verb == "add":
                    if !isDocument { complaints.add("cnitool add printed no result for \(text): \(outcome.summary)") }
                case .exited(0):
                    if !outcome.standardOutput.isEmpty {
                        complaints.add("cnitool \(verb) printed something for \(text): \(outcome.summary)")
                    }
                case .exited(1):
                    if outcome.standardError.isEmpty && !isDocument {
                        complaints.add("cnitool \(verb) failed without a word for \(text)")
                    }
                    // The list cannot be used; the other verbs say the same. What add did before it failed must go.
                    if verb == "add" {
                        var deletion = process
                        deletion.arguments[0] = "del"
                        _ = try deletion.run()
                        return
                    }
                default: complaints.add("cnitool \(verb): \(outcome.summary) for \(text)")
                }
            }
        }
    }
}

/// What broke the rules, from all threads; and how much was tried.
final class Complaints: Sendable {
    private let state = Mutex((texts: [String](), answers: 0, successes: 0))

    /// The complaints.
    var texts: [String] { state.withLock { $0.texts } }
    /// How many answers were judged.
    var answers: Int { state.withLock { $0.answers } }
    /// How many of them were successes.
    var successes: Int { state.withLock { $0.successes } }
    /// Whether more complaints would help nobody.
    var areEnough: Bool { state.withLock { $0.texts.count >= 10 } }

    /// Makes each complaint an issue of the running test.
    func report(sourceLocation: SourceLocation = #_sourceLocation) {
        for text in texts { Issue.record("\(text)", sourceLocation: sourceLocation) }
    }

    func add(_ text: String) { state.withLock { $0.texts.append(text) } }

    func count(success: Bool) {
        state.withLock {
            $0.answers += 1
            if success { $0.successes += 1 }
        }
    }
}

/// One invocation with mutated input.
struct MutatedCall {
    private let verb: String
    private let plugin: String
    private let document: [UInt8]
    private var variables: [(name: String, value: [UInt8]?)]

    init(_ base: MutationBase, number: Int, _ mutator: inout Mutator) {
        plugin = base.plugin
        verb = mutator.choice(base.verbs)
        // Some documents stay as they are: then the environment is all that is wrong, or nothing is.
        document = mutator.chance(8) ? base.configuration.text() : mutator.document(from: base.configuration)
        variables = [
            ("CNI_COMMAND", Array(verb.utf8)), ("CNI_CONTAINERID", Array("container-\(number)".utf8)),
            ("CNI_NETNS", Array(ConfinedHost.containerNamespace.utf8)), ("CNI_IFNAME", Array("eth0".utf8)),
            ("CNI_ARGS", Array("IgnoreUnknown=1;K8S_POD_NAME=p".utf8)),
            ("CNI_PATH", Array(ConfinedHost.pluginDirectory.utf8)),
        ]
        if mutator.chance(15) {
            let index = 1 + mutator.below(variables.count - 1)
            variables[index].value = Self.changed(variables[index].value ?? [], &mutator)
        }
        if mutator.chance(1) { variables[0].value = Self.changed(variables[0].value ?? [], &mutator) }
    }

    private static func changed(_ value: [UInt8], _ mutator: inout Mutator) -> [UInt8]? {
        switch mutator.below(6) {
        case 0: return nil
        case 1: return [0xff, 0xfe] + value
        case 2: return Array(repeating: UInt8(ascii: "a"), count: mutator.choice([16, 201, 5000, 100_000]))
        case 3:
            let choices = [
                "MAC=02:00:00:00:00:0g", "IP=10.80.0.44", "IP=::;MAC=", "=", ";;", "a=b=c", "K=V", "IP=10.80.0.44;IP=x",
                "/proc/self/ns/net", "/proc/thread-self/ns/mnt", "/dev/null", "/nonexistent", "relative", "::", "/:/",
            ]
            return Array(mutator.choice(choices).utf8)
        default: return Array(mutator.string(from: String(decoding: value, as: UTF8.self)).utf8)
        }
    }

    private var environment: [[UInt8]] {
        variables.compactMap { variable in variable.value.map { Array("\(variable.name)=".utf8) + $0 } }
    }

    /// Runs the call, and the DEL that must follow a successful ADD; then no reservation and nothing saved is left.
    mutating func run(_ complaints: Complaints, place: String) throws {
        let outcome = try judged(complaints, place: place)
        if outcome.termination == .exited(0), command == "ADD" {
            variables[0].value = Array("DEL".utf8)
            let deletion = try judged(complaints, place: place)
            if deletion.termination != .exited(0) {
                complaints.add("\(place): ADD succeeded, DEL of the same fails: \(deletion.summary); \(description)")
            }
        }
        let directories = [ConfinedHost.dataDirectory, ConfinedHost.savedDirectory]
        let files = directories.flatMap { Snapshot.files(below: $0) }
        if !files.isEmpty {
            complaints.add("\(place) leaves \(files): \(outcome.summary); \(description)")
            // Not to be complained of again.
            for file in files { try File.remove(String(file.dropFirst("file ".count))) }
        }
    }

    private var command: String? { variables[0].value.map { String(decoding: $0, as: UTF8.self) } }

    private func judged(_ complaints: Complaints, place: String) throws -> PluginProcess.Outcome {
        let process = PluginProcess(
            path: "\(ConfinedHost.pluginDirectory)/\(plugin)",
            environment: environment,
            input: document
        )
        let outcome = try process.run()
        complaints.count(success: outcome.termination == .exited(0))
        do { _ = try Answer(outcome, to: command ?? "") } catch {
            complaints.add("\(place): \(error); \(description)")
        }
        return outcome
    }

    private var description: String {
        let names = variables.map { variable in
            "\(variable.name)=\(variable.value.map { String(decoding: $0.prefix(200), as: UTF8.self) } ?? "<unset>")"
        }
        return "\(plugin) \(names.joined(separator: " ")) < \(String(decoding: document.prefix(1500), as: UTF8.self))"
    }
}
