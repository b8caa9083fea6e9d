// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// What the server stores: nodes with their history, and events.
struct Cluster {
    /// One change of a node.
    struct Change {
        let version: UInt64
        let type: String
        /// The node as text: after the change, or before it was deleted.
        let node: [UInt8]

        /// The line of a watch.
        var line: [UInt8] { Array("{\"type\":\"\(type)\",\"object\":".utf8) + node + Array("}\n".utf8) }
    }

    /// What one listing goes through, page by page.
    private struct Snapshot {
        let version: UInt64
        let nodes: [[UInt8]]
    }

    private(set) var version: UInt64 = 1000
    /// The nodes as text by their names.
    private(set) var nodes: [String: [UInt8]] = [:]
    private(set) var history: [Change] = []
    /// The nodes of pods by `NAMESPACE/NAME`; "" for one that has none yet.
    var pods: [String: String] = [:]
    /// The events by their names.
    var events: [String: JSONValue] = [:]
    /// Changes up to here are forgotten.
    private(set) var forgotten: UInt64 = 0
    private var snapshots: [UInt64: Snapshot] = [:]

    /// One node as a value.
    func node(_ name: String) -> JSONValue? { nodes[name].flatMap { try? JSONValue(parsing: $0) } }

    /// Makes or replaces a node.
    mutating func put(_ name: String, _ node: JSONValue) -> Change {
        version += 1
        let patch: JSONValue = ["metadata": ["resourceVersion": .string(String(version))]]
        let text = node.mergedStrategically(with: patch).text()
        let change = Change(version: version, type: nodes[name] == nil ? "ADDED" : "MODIFIED", node: text)
        nodes[name] = text
        history.append(change)
        return change
    }

    /// Removes a node.
    mutating func delete(_ name: String) -> Change? {
        guard let node = node(name) else { return nil }
        version += 1
        // What is told of a deletion has the version of the deletion.
        let patch: JSONValue = ["metadata": ["resourceVersion": .string(String(version))]]
        let change = Change(
            version: version,
            type: "DELETED",
            node: node.mergedStrategically(with: patch).text()
        )
        nodes[name] = nil
        history.append(change)
        return change
    }

    /// Forgets all that is past: older watches and listings that are under way have to begin anew.
    mutating func compact() {
        forgotten = version
        history = []
        snapshots = [:]
    }

    /// Takes the place of another cluster, at another version.
    mutating func restore(at version: UInt64) {
        self.version = version
        compact()
    }

    /// A page of a listing; nil when the moment that it shows is forgotten.
    mutating func page(limit: Int?, token: String?) -> [UInt8]? {
        var snapshot = Snapshot(version: version, nodes: [])
        var offset = 0
        if let token {
            let parts = token.split { "/=+".contains($0) }.compactMap { UInt64($0) }
            guard parts.count == 2, let kept = snapshots[parts[0]] else { return nil }
            (snapshot, offset) = (kept, Int(parts[1]))
        } else {
            snapshot = Snapshot(version: version, nodes: nodes.sorted { $0.key < $1.key }.map(\.value))
        }
        let end = min(offset + (limit ?? .max / 2), snapshot.nodes.count)
        var metadata: JSONValue = ["resourceVersion": .string(String(snapshot.version))]
        if end < snapshot.nodes.count {
            snapshots[snapshot.version] = snapshot
            metadata = [
                "resourceVersion": .string(String(snapshot.version)),
                // What has to be encoded in a query.
                "continue": .string("\(snapshot.version)/+\(end)=="),
                "remainingItemCount": .integer(Int64(snapshot.nodes.count - end)),
            ]
        }
        var text = Array("{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":".utf8) + metadata.text()
        text += Array(",\"items\":[".utf8)
        // Not joined, byte by byte: without optimization that takes longer than all that a client does.
        for index in offset..<end {
            if index > offset { text.append(UInt8(ascii: ",")) }
            text += snapshot.nodes[index]
        }
        text += Array("]}\n".utf8)
        return text
    }
}
