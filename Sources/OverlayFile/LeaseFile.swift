// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import Overlay

/// The contents of `subnets/<key>.json`: what etcd would hold, and three members more.
struct LeaseFile: Hashable {
    /// How the node is reached.
    var attributes: LeaseAttributes
    /// `Node`: whose lease it is; nil for an entry made by hand, which reserves the subnet and never ends.
    var node: String?
    /// `Heartbeat`: counts the renewals.
    ///
    /// A lease starts at 0, a claim that is not settled yet, and is the node's from 1.
    var heartbeat: Int64
    /// `TTL`: how many seconds the lease lasts while the heartbeat stands still; 0 for ever.
    var timeToLive: Int64

    /// Whether the node has not yet made sure that nobody holds an overlapping subnet.
    var isTentative: Bool { node != nil && heartbeat == 0 }

    /// Describes a lease.
    init(_ attributes: LeaseAttributes, node: String, heartbeat: Int64, timeToLive: Int64) {
        self.attributes = attributes
        self.node = node
        self.heartbeat = heartbeat
        self.timeToLive = timeToLive
    }

    /// Reads a file's contents.
    init(contents: [UInt8]) throws(OverlayError) {
        let document: JSONNode
        do throws(JSONError) {
            document = JSONNode(try JSONValue(parsing: contents))
            node = try document.member("Node")?.string()
            heartbeat = try document.member("Heartbeat")?.integer(in: 0...Int64.max) ?? 0
            timeToLive = try document.member("TTL")?.integer(in: 0...Self.longestTimeToLive) ?? 0
        } catch { throw OverlayError(.malformedText, "\(error)") }
        attributes = try LeaseAttributes(document)
    }

    /// Ten years: far beyond any use, and far below where clocks overflow.
    private static let longestTimeToLive: Int64 = 10 * 366 * 86_400

    /// The contents as they are written.
    var contents: [UInt8] {
        guard var members = attributes.json.object else { return [] }
        if let node { members["Node"] = .string(node) }
        members["Heartbeat"] = .integer(heartbeat)
        members["TTL"] = .integer(timeToLive)
        return JSONValue.object(members).text() + [UInt8(ascii: "\n")]
    }

    /// The same lease, renewed.
    func renewed(_ attributes: LeaseAttributes, timeToLive: Int64) -> LeaseFile {
        var copy = self
        copy.attributes = attributes
        copy.timeToLive = timeToLive
        copy.heartbeat = heartbeat == .max ? 1 : heartbeat + 1
        return copy
    }
}
