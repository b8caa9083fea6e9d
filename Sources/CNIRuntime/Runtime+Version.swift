// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import JSON

extension Runtime {
    /// Which versions a plugin of a network speaks.
    public struct PluginVersions: Sendable {
        /// The plugin's type.
        public let plugin: String
        /// The versions as the plugin lists them.
        public let supported: [String]
    }

    /// Asks each plugin of a network, once for each type, which versions it speaks.
    public func versions(of network: NetworkList) throws(RuntimeError) -> [PluginVersions] {
        var versions: [PluginVersions] = []
        for (step, plugin) in Runtime.steps(network, .version)
        where !versions.contains(where: { $0.plugin == plugin.type }) {
            versions.append(PluginVersions(plugin: plugin.type, supported: try probe(step, network)))
        }
        return versions
    }

    /// Makes sure that every plugin of a network is installed and speaks the network's version.
    ///
    /// - Returns: The capabilities that plugins of the list ask for.
    @discardableResult
    public func validate(_ network: NetworkList) throws(RuntimeError) -> Set<String> {
        let wanted = network.versionText.isEmpty ? "0.1.0" : network.versionText
        for (step, _) in Runtime.steps(network, .version) {
            let supported = try probe(step, network)
            guard supported.contains(wanted) else {
                throw RuntimeError(
                    CNIError(
                        .incompatibleVersion,
                        "the network's version is \"\(wanted)\", the plugin speaks \(supported.joined(separator: ", "))"
                    ),
                    at: step
                )
            }
        }
        return network.plugins.reduce(into: []) { $0.formUnion($1.capabilities) }
    }

    private func probe(_ step: RuntimeError.Step, _ network: NetworkList) throws(RuntimeError) -> [String] {
        let answer: JSONValue?
        do {
            // Old plugins want all variables set, whatever they are asked.
            let dummy = try Attachment(
                AttachmentID(containerID: "dummy", interfaceName: "dummy"),
                namespacePath: "dummy"
            )
            answer = try run(step, ["cniVersion": .string(SpecVersion.newest.description)], for: dummy)
        } catch  where error.cause.message.contains("unknown CNI_COMMAND: VERSION") {
            // Plugins older than the verb.
            return [SpecVersion.v0_1_0.description]
        }
        guard let answer else {
            throw RuntimeError(CNIError(.delegation, "the plugin succeeded but named no versions"), at: step)
        }
        do throws(JSONError) {
            let root = JSONNode(answer)
            if let supported = try root.member("supportedVersions") { return try supported.strings() }
            // 0.1.0 knew no list.
            return [try root.requiredMember("cniVersion").string()]
        } catch { throw RuntimeError(CNIError(error, in: "VERSION answer"), at: step) }
    }
}
