// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import Overlay

/// All nodes of the cluster with the leases that follow from them, kept up to date by events: one that changes nothing
/// costs a comparison.
struct NodeTable {
    /// What is known of one node.
    struct Entry {
        var node: Node
        /// What its annotations say, or said when they could be read last; nil when the node is not part of the overlay.
        var lease: Lease?
        /// What is wrong with them now.
        var problem: String?

        init(_ node: Node, before: Entry?) {
            self.node = node
            guard node.isManaged else { return }
            do throws(OverlayError) {
                let subnets = try node.subnets()
                // A node that has no subnet yet, or none any more, leads nowhere.
                if !subnets.families.isEmpty { lease = Lease(subnets: subnets, attributes: try node.leaseAttributes()) }
            } catch {
                problem = error.message
                // What another node of that name said is of no use.
                if before?.node.uid == node.uid { lease = before?.lease }
            }
        }
    }

    /// All entries in the order of their names.
    private(set) var entries: [Entry] = []

    /// Takes over all nodes.
    ///
    /// - Returns: Whether anything has changed.
    mutating func replace(with nodes: [Node]) -> Bool {
        let old = entries
        let sorted = nodes.sorted { $0.name.isBefore($1.name) }
        entries = []
        entries.reserveCapacity(sorted.count)
        var position = old.startIndex
        var hasChanged = false
        for node in sorted {
            while position < old.endIndex, old[position].node.name.isBefore(node.name) {
                hasChanged = true
                position += 1
            }
            let known = position < old.endIndex && old[position].node.name == node.name ? old[position] : nil
            if known != nil { position += 1 }
            if let known, known.node.says(sameAs: node) {
                entries.append(known)
            } else {
                entries.append(Entry(node, before: known))
                hasChanged = true
            }
        }
        return hasChanged || position < old.endIndex
    }

    /// Takes in events.
    ///
    /// - Returns: Whether anything has changed.
    mutating func apply(_ events: [NodeEvent]) -> Bool {
        var hasChanged = false
        for event in events {
            switch event {
            case .put(let node):
                let place = place(of: node.name)
                if !place.isFound {
                    entries.insert(Entry(node, before: nil), at: place.index)
                    hasChanged = true
                } else if !entries[place.index].node.says(sameAs: node) {
                    entries[place.index] = Entry(node, before: entries[place.index])
                    hasChanged = true
                }
            case .delete(let node):
                let place = place(of: node.name)
                guard place.isFound else { continue }
                entries.remove(at: place.index)
                hasChanged = true
            }
        }
        return hasChanged
    }

    /// What is known of a node.
    subscript(name: String) -> Entry? {
        let place = place(of: name)
        return place.isFound ? entries[place.index] : nil
    }

    private func place(of name: String) -> (index: Int, isFound: Bool) {
        var (low, high) = (entries.startIndex, entries.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].node.name.isBefore(name) { low = middle + 1 } else { high = middle }
        }
        return (low, low < entries.endIndex && entries[low].node.name == name)
    }
}

extension String {
    /// By bytes: names are ASCII.
    fileprivate func isBefore(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
