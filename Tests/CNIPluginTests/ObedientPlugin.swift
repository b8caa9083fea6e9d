// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import CNIPlugin
import JSON
import LinuxSystem
import Testing

/// A plugin that does what the test's configuration tells it to, and writes what happened to a file.
struct ObedientPlugin: Plugin {
    static let name = "obedient"
    static let knownArguments: Set<String> = ["COLOUR"]

    func add(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        let journal = request.configuration.root["journal"]?.value.string ?? ""
        for step in ["first", "second"] {
            try request.undo.register("undo \(step)") { () throws(CNIError) in
                ObedientPlugin.note("undo \(step)", in: journal)
                if request.configuration.root["failUndo"]?.value.string == step {
                    throw CNIError(.kernel, "\(step) is stuck")
                }
            }
        }
        if let code = request.configuration.root["failWith"] {
            throw CNIError(
                CNIError.Code(rawValue: Int((try? code.integer()) ?? 0)),
                "told to fail",
                details: "by the test"
            )
        }
        var result = NetworkResult()
        result.interfaces = [.init(name: request.attachment.interfaceName, mtu: 1400, sandbox: request.namespacePath)]
        result.dns.domain = request.arguments["COLOUR"]
        return result
    }

    func delete(_ request: DeleteRequest) throws(CNIError) {
        let journal = request.configuration.root["journal"]?.value.string ?? ""
        ObedientPlugin.note("delete in \(request.namespacePath ?? "nothing")", in: journal)
    }

    func check(_ request: CheckRequest) throws(CNIError) { _ = try request.requiredPreviousResult() }

    func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        let journal = request.configuration.root["journal"]?.value.string ?? ""
        ObedientPlugin.note("keep \(request.validAttachments.map(\.description).sorted())", in: journal)
    }

    private static func note(_ line: String, in journal: String) {
        guard !journal.isEmpty else { return }
        let before = (try? File.contentsIfPresent(of: journal)) ?? []
        try? File.replace(journal, with: before + Array("\(line)\n".utf8))
    }
}

/// An invocation of ``ObedientPlugin`` in this process.
struct Invocation {
    var environment = [
        "CNI_CONTAINERID": "box", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin",
    ]
    var input = ""

    init(_ command: String, _ configuration: JSONValue) {
        environment["CNI_COMMAND"] = command
        input = String(decoding: configuration.text(), as: UTF8.self)
    }

    func run() -> ProcessOutput {
        let bytes = Array(input.utf8)
        return PluginProcess.run(
            ObedientPlugin.self,
            ProcessInput(
                environment: environment.map { "\($0.key)=\($0.value)" },
                readStandardInput: { (_) throws(SystemCallError) in bytes }
            )
        )
    }

    /// The one document that was printed.
    func document() throws -> JSONObject {
        try #require(try JSONValue(parsing: run().standardOutput).object)
    }
}
