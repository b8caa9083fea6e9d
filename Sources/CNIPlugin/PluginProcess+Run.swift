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
                "CNI plugin \(P.name) of swift-cni; spec versions \(P.supportedVersions).",
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
            let call = Call(
                variables: variables,
                configuration: configuration,
                diagnostics: diagnostics,
                undo: undo
            )
            if let result = try call.perform(verb, P()) {
                try UndoList.stopIfInterrupted()
                output.standardOutput = result.document(version: version).text(.indented)
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

/// The `CNI_` variables of one invocation, validated for its verb.
struct Variables {
    let invocation: PluginInvocation
    let namespaceOverride: Bool

    /// - Throws: ``CNIError`` with code 4; all missing variables are named at once.
    init(verb: Verb, _ input: ProcessInput) throws(CNIError) {
        let required: [String] =
            switch verb {
            case .add, .check: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]
            case .delete: ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"]
            case .garbageCollect, .status: ["CNI_PATH"]
            case .version: []
            }
        let missing = required.filter { (input.variable($0) ?? "").isEmpty }
        guard missing.isEmpty else {
            throw CNIError(
                .invalidEnvironment,
                "required env variables [\(missing.joined(separator: ","))] missing",
                details: "\(verb.rawValue) needs \(required.joined(separator: ", "))"
            )
        }
        invocation = PluginInvocation(
            verb: verb,
            containerID: input.variable("CNI_CONTAINERID") ?? "",
            namespacePath: input.variable("CNI_NETNS").flatMap { $0.isEmpty ? nil : $0 },
            interfaceName: input.variable("CNI_IFNAME") ?? "",
            arguments: input.variable("CNI_ARGS") ?? "",
            searchPath: input.variable("CNI_PATH") ?? "",
            inheritedEnvironment: input.environment
        )
        let override = input.variable("CNI_NETNS_OVERRIDE") ?? ""
        namespaceOverride = override == "1" || override.lowercased() == "true"
        guard required.contains("CNI_CONTAINERID") else { return }
        if let problem = Identifier.problem(withName: invocation.containerID) {
            throw CNIError(
                .invalidEnvironment,
                "CNI_CONTAINERID: \"\(invocation.containerID.prefix(64))\" \(problem)"
            )
        }
        if let problem = Identifier.problem(withInterfaceName: invocation.interfaceName) {
            throw CNIError(
                .invalidEnvironment,
                "CNI_IFNAME: \"\(invocation.interfaceName.prefix(64))\" \(problem)"
            )
        }
    }

    /// Whether CNI_NETNS is the namespace this process runs in, and nobody said that this is meant.
    var isOwnNamespace: Bool {
        guard !namespaceOverride, let path = invocation.namespacePath,
            let identity = NetworkNamespace.identity(of: path)
        else { return false }
        return identity == NetworkNamespace.currentIdentity
    }
}

/// One validated invocation, on its way to the plugin.
private struct Call {
    let variables: Variables
    let configuration: NetworkConfiguration
    let diagnostics: Diagnostics
    let undo: UndoList

    func perform<P: Plugin>(_ verb: Verb, _ plugin: P) throws(CNIError) -> NetworkResult? {
        let invocation = variables.invocation
        switch verb {
        case .add:
            return try plugin.add(
                AddRequest(
                    plugin: P.name,
                    configuration: configuration,
                    invocation: invocation,
                    diagnostics: diagnostics,
                    identity: identity,
                    arguments: try CNIArguments(invocation.arguments, known: P.knownArguments),
                    namespacePath: try requireForeignNamespace(),
                    undo: undo
                )
            )
        case .check:
            try plugin.check(
                CheckRequest(
                    plugin: P.name,
                    configuration: configuration,
                    invocation: invocation,
                    diagnostics: diagnostics,
                    identity: identity,
                    arguments: try CNIArguments(invocation.arguments, known: P.knownArguments),
                    namespacePath: try requireForeignNamespace()
                )
            )
        case .delete:
            try plugin.delete(
                DeleteRequest(
                    plugin: P.name,
                    configuration: configuration,
                    invocation: invocation,
                    diagnostics: diagnostics,
                    identity: identity,
                    namespacePath: variables.isOwnNamespace ? nil : invocation.namespacePath
                )
            )
        case .status:
            try plugin.status(
                StatusRequest(
                    plugin: P.name,
                    configuration: configuration,
                    invocation: invocation,
                    diagnostics: diagnostics
                )
            )
        case .garbageCollect:
            guard let valid = try configuration.validAttachments() else {
                throw CNIError(
                    .invalidConfiguration,
                    "network configuration: cni.dev/valid-attachments: is required for GC but missing",
                    details: "an empty list means that every attachment is garbage; nothing was removed"
                )
            }
            try plugin.collectGarbage(
                GarbageRequest(
                    plugin: P.name,
                    configuration: configuration,
                    invocation: invocation,
                    diagnostics: diagnostics,
                    validAttachments: valid
                )
            )
        case .version: break
        }
        return nil
    }

    private var identity: AttachmentIdentity {
        AttachmentIdentity(
            network: configuration.name,
            attachment: AttachmentID(
                containerID: variables.invocation.containerID,
                interfaceName: variables.invocation.interfaceName
            )
        )
    }

    /// - Throws: ``CNIError`` with code 8 before anything has been changed.
    private func requireForeignNamespace() throws(CNIError) -> String {
        if variables.isOwnNamespace {
            throw CNIError(
                .invalidNamespace,
                "plugin's netns and netns from CNI_NETNS should not be the same: "
                    + (variables.invocation.namespacePath ?? ""),
                details: "set CNI_NETNS_OVERRIDE=1 if the runtime's own namespace is really meant"
            )
        }
        return variables.invocation.namespacePath ?? ""
    }
}
