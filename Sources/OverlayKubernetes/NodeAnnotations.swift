// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import KubernetesClient
internal import Overlay

/// What a lease is in the annotations of a node, as flannel writes and reads them.
///
/// A cluster may be half flannel's while it is changed over, and may go back: names and values are flannel's byte for byte.
enum NodeAnnotations {
    /// "true" for nodes that are part of the overlay.
    static var managed: String { "kube-subnet-manager" }
    static var backendType: String { "backend-type" }

    /// What the backend has to know, as JSON text; "null" when it is nothing.
    static func backendData(_ family: AddressFamily) -> String { family == .v4 ? "backend-data" : "backend-v6-data" }
    /// What other nodes send to.
    static func publicAddress(_ family: AddressFamily) -> String { family == .v4 ? "public-ip" : "public-ipv6" }
    /// What somebody wants to be published instead; no interface need have it.
    static func overwrite(_ family: AddressFamily) -> String { "\(publicAddress(family))-overwrite" }
    /// The local address that somebody wants to be used.
    static func requested(_ family: AddressFamily) -> String { family == .v4 ? "node-public-ip" : "node-public-ipv6" }

    /// What all names begin with, from the value of `--kube-annotation-prefix`; nil when that cannot be used.
    static func fullPrefix(_ text: String) -> String? {
        var prefix = text
        if !prefix.contains("/") { prefix += "/" }
        if !prefix.hasSuffix("/"), !prefix.hasSuffix("-") { prefix += "-" }
        let form = /[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[a-z0-9_-]*/
        return prefix.wholeMatch(of: form) == nil ? nil : prefix
    }

    /// What a node publishes.
    ///
    /// - Parameter families: Those of the node's subnets.
    /// - Returns: All annotations that are flanneld's to write; nil for those that say nothing true.
    static func texts(_ attributes: LeaseAttributes, _ families: [AddressFamily]) -> [String: String?] {
        var texts: [String: String?] = [managed: "true", backendType: attributes.backendType.rawValue]
        for family in AddressFamily.allCases {
            let address = attributes.publicAddresses[family]
            let isPublished = families.contains(family) && address != nil
            let data = attributes.backendData[family].map { String(decoding: $0.text(), as: UTF8.self) } ?? "null"
            texts[backendData(family)] = .some(isPublished ? data : nil)
            texts[publicAddress(family)] = .some(isPublished ? address?.description : nil)
        }
        return texts
    }
}

extension Node {
    /// Whether the node is part of the overlay.
    var isManaged: Bool { annotations[NodeAnnotations.managed] == "true" }

    /// The node's subnets.
    ///
    /// - Throws: What is wrong with them.
    func subnets() throws(OverlayError) -> PerFamily<IPPrefix> {
        var subnets = PerFamily<IPPrefix>()
        for text in podCIDRs {
            guard let subnet = IPPrefix(text) else {
                throw OverlayError(.malformedText, "\"\(text)\" of podCIDRs is no subnet")
            }
            // A third one, or a second of a family, is nobody's that knows of it.
            if subnets[subnet.family] == nil { subnets[subnet.family] = subnet.network }
        }
        return subnets
    }

    /// What the node publishes.
    ///
    /// - Throws: What is wrong with it.
    func leaseAttributes() throws(OverlayError) -> LeaseAttributes {
        var attributes = LeaseAttributes(
            publicAddresses: PerFamily(),
            backendType: BackendType(rawValue: annotations[NodeAnnotations.backendType] ?? "")
        )
        var data = PerFamily<JSONValue>()
        for family in AddressFamily.allCases {
            attributes.publicAddresses[family] = try address(NodeAnnotations.publicAddress(family), family)
            let key = NodeAnnotations.backendData(family)
            guard let text = annotations[key], !text.isEmpty else { continue }
            do throws(JSONError) {
                let value = try JSONValue(parsing: text.utf8)
                if value != .null { data[family] = value }
            } catch { throw OverlayError(.malformedText, "\(key): \(error)") }
        }
        attributes.backendData = data
        return attributes
    }

    /// Which addresses the node should use.
    ///
    /// - Throws: What is wrong with an annotation about that.
    func hints() throws(OverlayError) -> AddressHints {
        var hints = AddressHints()
        for family in AddressFamily.allCases {
            hints.requested[family] = try address(NodeAnnotations.requested(family), family)
        }
        for text in internalAddresses {
            guard let address = IPAddress(text), hints.known[address.family] == nil else { continue }
            hints.known[address.family] = address
        }
        return hints
    }

    /// The address that an annotation holds; nil for none.
    func address(_ key: String, _ family: AddressFamily) throws(OverlayError) -> IPAddress? {
        guard let text = annotations[key], !text.isEmpty else { return nil }
        guard let address = IPAddress(text), address.family == family, !address.isUnspecified else {
            throw OverlayError(.malformedText, "\(key) is \"\(text)\", must be an \(family) address")
        }
        return address
    }
}
