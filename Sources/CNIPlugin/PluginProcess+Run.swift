// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import JSON
internal import LinuxSystem

extension PluginProcess {
    /// Does what an input asks of a plugin; touches no process-wide state, so that tests can call it.
    public static func run<P: Plugin>(_ plugin: P.Type, _ input: ProcessInput) -> ProcessOutput {
        var output = ProcessOutput()
        guard let command = input.variable("CNI_COMMAND"), !command.isEmpty else {
            output.standardError = [
                "CNI plugin \(P.name) \(Release.version) of swift-cni; spec versions \(P.supportedVersions).",
                "It is run by a container runtime with CNI_COMMAND in its environment; to try it use cnitool.",
            ]
            return output
        }
        var version = SpecVersion.newest
        let diagnostics = Diagnostics()
        let undo = UndoList()
        do throws(CNIError) {
            guard let verb = Verb(rawValue: command) else {
                throw CNIError(
                    .invalidEnvironment,
                    "unknown CNI_COMMAND: \(command.prefix(64))",
                    details: "must be one of \(Verb.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            if verb == .version {
                output.standardOutput = versionDocument(plugin, input) + [0x0a]
                return output
            }
            let document = try readDocument(input)
            version = try NetworkConfiguration.version(of: document, supported: P.supportedVersions)
            try requireVerb(verb, in: version)
            let variables = try Variables(verb: verb, input)
            let configuration = try NetworkConfiguration(document: document, version: version)
            let context = RequestContext(
                plugin: P.name,
                configuration: configuration,
                invocation: variables.invocation,
                diagnostics: diagnostics
            )
            let call = PluginCall(variables: variables, context: context, undo: undo)
            if let result = try call.perform(verb, P()) {
                try UndoList.stopIfInterrupted()
                output.standardOutput = result.text(.indented)
                output.undo = undo
            }
        } catch {
            let failure = undo.run().reduce(error) { $0.adding(details: $1) }
            output.standardOutput = failure.document(version: version).text(.indented)
            output.status = 1
        }
        output.standardError = diagnostics.lines
        return output
    }

    /// The answer to VERSION: the version asked in, when it is one we speak, and all we speak.
    private static func versionDocument<P: Plugin>(_ plugin: P.Type, _ input: ProcessInput) -> [UInt8] {
        // The document is optional here, and some callers leave a pipe open without writing to it.
        let patience: Int64 = 200_000_000
        let asked = (try? input.readStandardInput(patience))
            .flatMap { try? JSONValue(parsing: $0) }
            .flatMap { try? NetworkConfiguration.version(of: $0, supported: P.supportedVersions) }
        let document: JSONValue = [
            "cniVersion": .string((asked ?? .newest).description),
            "supportedVersions": .strings(P.supportedVersions.map(\.description)),
        ]
        return document.text()
    }

    private static func readDocument(_ input: ProcessInput) throws(CNIError) -> JSONValue {
        let text: [UInt8]
        do { text = try input.readStandardInput(nil) } catch {
            if error.number == .fileTooLarge {
                throw CNIError(.decoding, "network configuration: is longer than \(inputLimit >> 20) MiB")
            }
            try UndoList.stopIfInterrupted()
            throw CNIError(.inputOutput, "standard input could not be read", details: "\(error)")
        }
        do {
            let document = try JSONValue(parsing: text)
            _ = try JSONNode(document).object()
            return document
        } catch { throw CNIError(error) }
    }

    private static func requireVerb(_ verb: Verb, in version: SpecVersion) throws(CNIError) {
        let since: SpecVersion? =
            switch verb {
            case .check where !version.hasCheck: .v0_4_0
            case .garbageCollect where !version.hasGarbageCollectionAndStatus: .v1_1_0
            case .status where !version.hasGarbageCollectionAndStatus: .v1_1_0
            default: nil
            }
        if let since {
            throw CNIError(
                .incompatibleVersion,
                "config version does not allow \(verb.rawValue)",
                details: "config is \"\(version)\", \(verb.rawValue) needs \(since) or newer"
            )
        }
    }
}
