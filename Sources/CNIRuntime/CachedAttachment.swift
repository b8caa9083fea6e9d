// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import IPAddresses
public import JSON

/// What the result cache knows of an attachment that was made and not yet removed.
public struct CachedAttachment: Hashable, Sendable {
    /// The network's name.
    public let network: String
    /// The container and its interface.
    public let id: AttachmentID
    /// The container's network namespace at the time of ADD.
    public let namespacePath: String?
    /// The pairs of `CNI_ARGS` at the time of ADD.
    public let arguments: [Attachment.Argument]
    /// The values of capabilities at the time of ADD.
    public let capabilityArguments: JSONObject
    /// The network's configuration at the time of ADD, as text; empty when it is not known.
    public let configuration: [UInt8]
    /// The result document of ADD.
    public let result: JSONValue

    /// The `kind` of files of this layout.
    static let kind = "cniCacheV1"

    /// Describes an attachment that was just made.
    init(_ attachment: Attachment, network: NetworkList, result: JSONValue) {
        self.network = network.name
        id = attachment.id
        namespacePath = attachment.namespacePath
        arguments = attachment.arguments
        capabilityArguments = attachment.capabilityArguments
        configuration = network.source
        self.result = result
    }

    /// Reads a file of the cache.
    ///
    /// - Parameters:
    ///   - network: The network whose attachment is looked for: a file of the oldest layout, which is a bare result,
    ///     does not say.
    ///   - id: The attachment that is looked for.
    init(parsing text: [UInt8], network: String?, id: AttachmentID?) throws(JSONError) {
        guard !text.isEmpty else {
            throw JSONError(.syntax, at: "", "is empty, as after a power cut while it was being written")
        }
        let root = JSONNode(try JSONValue(parsing: text))
        guard let kind = try root.member("kind") else {
            guard let network, let id,
                root["ips"] != nil || root["interfaces"] != nil || root["cniVersion"] != nil
                    || root["ip4"] != nil || root["ip6"] != nil
            else { throw JSONError(at: "kind", "is missing, must be \"\(CachedAttachment.kind)\"") }
            self.network = network
            self.id = id
            namespacePath = nil
            arguments = []
            capabilityArguments = JSONObject()
            configuration = []
            result = root.value
            return
        }
        guard try kind.string() == CachedAttachment.kind else {
            throw kind.invalid("is \(String(decoding: kind.value.text(), as: UTF8.self)), must be \"\(Self.kind)\"")
        }
        self.network = try root.requiredMember("networkName").string()
        self.id = AttachmentID(
            containerID: try root.requiredMember("containerId").string(),
            interfaceName: try root.requiredMember("ifName").string()
        )
        let path = try root["netns"]?.string()
        namespacePath = path == "" ? nil : path
        var arguments: [Attachment.Argument] = []
        for node in try root["cniArgs"]?.elements() ?? [] {
            let pair = try node.strings()
            guard pair.count == 2 else {
                throw node.invalid("holds \(pair.count) strings, must hold a key and a value")
            }
            arguments.append(Attachment.Argument(key: pair[0], value: pair[1]))
        }
        self.arguments = arguments
        capabilityArguments = try root["capabilityArgs"]?.object() ?? JSONObject()
        if let node = root["config"] {
            guard let bytes = Base64.decode(try node.string()) else { throw node.invalid("is not base 64") }
            configuration = bytes
        } else {
            configuration = []
        }
        result = .object(try root.requiredMember("result").object())
    }

    /// The document of the reference's layout, members in its order.
    var document: JSONValue {
        var object = JSONObject([
            ("kind", .string(CachedAttachment.kind)), ("containerId", .string(id.containerID)),
            ("config", .string(Base64.encode(configuration))), ("ifName", .string(id.interfaceName)),
            ("networkName", .string(network)),
        ])
        if let namespacePath { object["netns"] = .string(namespacePath) }
        if !arguments.isEmpty {
            object["cniArgs"] = .array(arguments.map { .strings([$0.key, $0.value]) })
        }
        if !capabilityArguments.members.isEmpty { object["capabilityArgs"] = .object(capabilityArguments) }
        object["result"] = result
        return .object(object)
    }

    /// The addresses that ADD gave, with their prefix lengths, as text; empty when the result cannot be read.
    public var addresses: [String] {
        let version = SpecVersion.configured(result.object?["cniVersion"]?.string) ?? .newest
        let decoded = try? NetworkResult(decoding: JSONNode(result), version: version)
        return decoded?.ips.map(\.address.description) ?? []
    }
}
