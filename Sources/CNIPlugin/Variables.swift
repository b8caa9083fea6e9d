// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import LinuxSystem

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
