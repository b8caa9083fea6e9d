// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

extension Node {
    /// Reads what is kept of a node.
    ///
    /// - Parameter object: Where in the document the node is.
    init(_ text: JSONText, at object: Range<Int>, annotationPrefix: String?) throws(JSONError) {
        self.init(name: "")
        var podCIDR: String?
        try text.forEachMember(of: object) { (key, value) throws(JSONError) in
            if text.isKey(key, "metadata") {
                try readMetadata(text, value, annotationPrefix)
            } else if text.isKey(key, "spec") {
                try text.forEachMember(of: value) { (key, value) throws(JSONError) in
                    if text.isKey(key, "podCIDR") { podCIDR = try text.string(value) }
                    if text.isKey(key, "podCIDRs") {
                        try text.forEachElement(of: value) { (element) throws(JSONError) in
                            if let subnet = try text.string(element) { podCIDRs.append(subnet) }
                        }
                    }
                }
            } else if text.isKey(key, "status") {
                try readStatus(text, value)
            }
        }
        if podCIDRs.isEmpty, let podCIDR, !podCIDR.isEmpty { podCIDRs = [podCIDR] }
        guard !name.isEmpty else { throw JSONError(at: "metadata.name", "is required but missing") }
    }

    private mutating func readMetadata(
        _ text: JSONText,
        _ metadata: Range<Int>,
        _ annotationPrefix: String?
    ) throws(JSONError) {
        try text.forEachMember(of: metadata) { (key, value) throws(JSONError) in
            if text.isKey(key, "name") {
                name = try text.string(value) ?? ""
            } else if text.isKey(key, "uid") {
                uid = try text.string(value) ?? ""
            } else if text.isKey(key, "resourceVersion") {
                resourceVersion = try text.string(value) ?? ""
            } else if text.isKey(key, "annotations"), let annotationPrefix {
                let prefix = annotationPrefix.utf8
                try text.forEachMember(of: value) { (key, value) throws(JSONError) in
                    guard text.bytes[key].starts(with: prefix) else { return }
                    let name = try text.key(key).utf8.dropFirst(prefix.count)
                    annotations[String(decoding: name, as: UTF8.self)] = try text.string(value)
                }
            }
        }
    }

    private mutating func readStatus(_ text: JSONText, _ status: Range<Int>) throws(JSONError) {
        try text.forEachMember(of: status) { (key, value) throws(JSONError) in
            if text.isKey(key, "addresses") {
                try text.forEachElement(of: value) { (element) throws(JSONError) in
                    let address = try text.value(element).object
                    guard address?["type"] == "InternalIP", let text = address?["address"]?.string else { return }
                    internalAddresses.append(text)
                }
            } else if text.isKey(key, "conditions") {
                try text.forEachElement(of: value) { (element) throws(JSONError) in
                    let condition = try text.value(element).object
                    guard condition?["type"] == "NetworkUnavailable" else { return }
                    let status = condition?["status"]?.string
                    networkUnavailable = NodeCondition(
                        isMet: status == "True" ? true : status == "False" ? false : nil,
                        reason: condition?["reason"]?.string ?? "",
                        message: condition?["message"]?.string ?? ""
                    )
                }
            }
        }
    }
}

/// One page of a listing.
struct NodePage {
    var resourceVersion = ""
    /// What to ask for the next page with; nil for the last.
    var next: String?
    var nodes: [Node] = []

    init(_ bytes: [UInt8], annotationPrefix: String?) throws(JSONError) {
        let text = JSONText(bytes: bytes)
        var isList = false
        try text.forEachMember(of: try text.root()) { (key, value) throws(JSONError) in
            if text.isKey(key, "metadata") {
                try text.forEachMember(of: value) { (key, value) throws(JSONError) in
                    if text.isKey(key, "resourceVersion") { resourceVersion = try text.string(value) ?? "" }
                    if text.isKey(key, "continue") { next = try text.string(value) }
                }
            } else if text.isKey(key, "items") {
                isList = true
                try text.forEachElement(of: value) { (element) throws(JSONError) in
                    nodes.append(try Node(text, at: element, annotationPrefix: annotationPrefix))
                }
            }
        }
        if next?.isEmpty == true { next = nil }
        guard isList, !resourceVersion.isEmpty else {
            throw JSONError(.content, at: "", "no list: \"items\" or \"metadata.resourceVersion\" is missing")
        }
    }
}

/// One line of a watch.
enum WatchMessage {
    case event(NodeEvent)
    /// Everything up to a version was told.
    case bookmark(String)
    /// A `Status`: the watch is over.
    case failure(JSONNode)

    init(_ line: [UInt8], annotationPrefix: String?) throws(JSONError) {
        let text = JSONText(bytes: line)
        var type: String?
        var object: Range<Int>?
        try text.forEachMember(of: try text.root()) { (key, value) throws(JSONError) in
            if text.isKey(key, "type") { type = try text.string(value) }
            if text.isKey(key, "object") { object = value }
        }
        guard let type, let object else { throw JSONError(at: "", "no event: \"type\" or \"object\" is missing") }
        switch type {
        case "ADDED", "MODIFIED": self = .event(.put(try Node(text, at: object, annotationPrefix: annotationPrefix)))
        case "DELETED": self = .event(.delete(try Node(text, at: object, annotationPrefix: annotationPrefix)))
        case "BOOKMARK":
            let version = JSONNode(try text.value(object))["metadata"]?["resourceVersion"]?.value.string
            guard let version else { throw JSONError(at: "object", "is a bookmark without a version") }
            self = .bookmark(version)
        case "ERROR": self = .failure(JSONNode(try text.value(object)))
        default: throw JSONError(at: "type", "is \"\(type)\", which is no event of the API")
        }
    }
}
