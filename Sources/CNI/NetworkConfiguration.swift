// swift-cni, SPDX-License-Identifier: Apache-2.0

public import JSON

/// The network configuration that a plugin gets on its standard input (specification, section 3).
///
/// The document is kept whole: unknown keys survive and reach delegates.
public struct NetworkConfiguration: Hashable, Sendable {
    /// The whole document.
    public let root: JSONNode
    /// The version, from `cniVersion`; absent means 0.1.0.
    public let version: SpecVersion
    /// The network's name.
    public let name: String

    /// Reads the version and nothing else, so that a document of an unknown version is not judged by rules of
    /// the known ones.
    ///
    /// - Throws: ``CNIError`` with code 1 for a version that `supported` does not hold, 7 when it is no string.
    public static func version(
        of document: JSONValue,
        supported: [SpecVersion] = SpecVersion.all
    ) throws(CNIError) -> SpecVersion {
        let text: String?
        do { text = try JSONNode(document).member("cniVersion")?.string() } catch { throw CNIError(error) }
        guard let version = SpecVersion.configured(text), supported.contains(version) else {
            throw CNIError(
                .incompatibleVersion,
                "incompatible CNI versions",
                details: "config is \"\(text ?? "0.1.0")\", plugin supports \(supported)"
            )
        }
        return version
    }

    /// Reads the members every configuration has.
    ///
    /// - Throws: ``CNIError`` with code 7 when the name is missing or not a valid network name.
    public init(document: JSONValue, version: SpecVersion) throws(CNIError) {
        root = JSONNode(document)
        self.version = version
        do { name = try root.requiredMember("name").string() } catch { throw CNIError(error) }
        if let problem = Identifier.problem(withNetworkName: name) {
            throw CNIError(.invalidConfiguration, "network configuration: name: \"\(name.prefix(64))\" \(problem)")
        }
    }

    /// The `ipam` object, when it names a plugin.
    public var ipam: JSONNode? {
        guard let ipam = root["ipam"], let type = ipam["type"]?.value.string, !type.isEmpty else { return nil }
        return ipam
    }

    /// The plugin that manages addresses, from `ipam.type`.
    public var ipamType: String? { ipam?["type"]?.value.string }

    /// The `args.cni` object: arguments of the orchestrator.
    public var arguments: JSONNode? { root["args"]?["cni"] }

    /// The `runtimeConfig` object: values of the capabilities the configuration asked for.
    public var runtimeConfiguration: JSONNode? { root["runtimeConfig"] }

    /// The `dns` object.
    public func dns() throws(CNIError) -> DNSConfiguration? {
        guard let node = root["dns"] else { return nil }
        do { return try DNSConfiguration(decoding: node) } catch { throw CNIError(error) }
    }

    /// The result of the plugins before this one, or of the attachment when it is checked or deleted.
    public func previousResult() throws(CNIError) -> NetworkResult? {
        guard let node = root["prevResult"] else { return nil }
        do { return try NetworkResult(decoding: node, version: version) } catch { throw CNIError(error) }
    }

    /// The attachments that a runtime says are in use, for GC; nil when it does not say.
    ///
    /// libcni sends `cni.dev/valid-attachments` and, for historical reasons, `cni.dev/attachments`.
    public func validAttachments() throws(CNIError) -> Set<AttachmentID>? {
        guard let node = root["cni.dev/valid-attachments"] ?? root["cni.dev/attachments"] else { return nil }
        do {
            var attachments: Set<AttachmentID> = []
            for element in try node.elements() {
                attachments.insert(
                    AttachmentID(
                        containerID: try element.requiredMember("containerID").string(),
                        interfaceName: try element.requiredMember("ifname").string()
                    )
                )
            }
            return attachments
        } catch { throw CNIError(error) }
    }
}
