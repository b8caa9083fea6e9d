// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import IPAddresses
internal import Overlay

/// All keys below `subnets`, kept up to date by events: one costs no more than finding its place.
struct LeaseTable {
    /// What is known of one key.
    struct Entry {
        /// The key.
        let key: String
        /// The subnets that the key names; nil when it names none.
        let subnets: PerFamily<IPPrefix>?
        /// The last good value; nil when there never was any.
        var attributes: LeaseAttributes?
        /// What is wrong with the value now.
        var problem: String?
        /// The etcd lease that the key ends with; 0 for a reservation.
        var lease: Int64
        /// When the key was written last.
        var modRevision: Int64
        /// When the key was made.
        var createRevision: Int64

        /// Whether the key has no etcd lease: someone keeps the subnet for a node, or for none.
        var isReservation: Bool { lease == 0 }
    }

    private let keys: NetworkKeys
    /// All entries in the order of their keys.
    private(set) var entries: [Entry] = []
    /// The revision of the store that the table shows.
    private(set) var revision: Int64 = 0

    init(_ keys: NetworkKeys) { self.keys = keys }

    /// Takes over a whole listing; of values that are nonsense now the last good ones count.
    ///
    /// - Returns: Whether a lease or a problem has changed.
    mutating func replace(with listing: EtcdListing) -> Bool {
        let old = entries
        entries = []
        entries.reserveCapacity(listing.entries.count)
        var position = old.startIndex
        var hasChanged = false
        for found in listing.entries {
            while position < old.endIndex, old[position].key.isBefore(found.key) {
                hasChanged = true
                position += 1
            }
            let isKnown = position < old.endIndex && old[position].key == found.key
            guard let entry = isKnown ? old[position] : makeEntry(found.key) else { continue }
            if isKnown { position += 1 }
            let updated = Self.update(entry, found)
            if !isKnown || !updated.says(sameAs: entry) { hasChanged = true }
            entries.append(updated)
        }
        revision = listing.revision
        return hasChanged || position < old.endIndex
    }

    /// Takes in events.
    ///
    /// - Returns: Whether a lease or a problem has changed.
    mutating func apply(_ events: [EtcdEvent], revision: Int64) -> Bool {
        var hasChanged = false
        for event in events {
            switch event {
            case .put(let found):
                let place = place(of: found.key)
                if place.isFound {
                    let updated = Self.update(entries[place.index], found)
                    if !updated.says(sameAs: entries[place.index]) { hasChanged = true }
                    entries[place.index] = updated
                } else if let entry = makeEntry(found.key) {
                    entries.insert(Self.update(entry, found), at: place.index)
                    hasChanged = true
                }
            case .delete(let key, _):
                let place = place(of: key)
                guard place.isFound else { continue }
                entries.remove(at: place.index)
                hasChanged = true
            }
        }
        self.revision = max(self.revision, revision)
        return hasChanged
    }

    /// What is known of a key.
    subscript(key: String) -> Entry? {
        let place = place(of: key)
        return place.isFound ? entries[place.index] : nil
    }

    private func place(of key: String) -> (index: Int, isFound: Bool) {
        var (low, high) = (entries.startIndex, entries.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key.isBefore(key) { low = middle + 1 } else { high = middle }
        }
        return (low, low < entries.endIndex && entries[low].key == key)
    }

    /// An entry of which only the key is known; nil for a key that is none of ours.
    private func makeEntry(_ key: String) -> Entry? {
        guard let name = keys.name(of: key) else { return nil }
        let subnets = PerFamily<IPPrefix>(leaseKey: name)
        return Entry(key: key, subnets: subnets, lease: 0, modRevision: 0, createRevision: 0)
    }

    /// The entry with what the store says of it.
    private static func update(_ entry: Entry, _ found: EtcdEntry) -> Entry {
        var entry = entry
        entry.lease = found.lease
        entry.modRevision = found.modRevision
        entry.createRevision = found.createRevision
        guard entry.subnets != nil else {
            entry.problem = "the key names no subnet"
            return entry
        }
        do {
            entry.attributes = try LeaseAttributes(parsing: found.value)
            entry.problem = nil
        } catch { entry.problem = "\(error)" }
        return entry
    }
}

extension LeaseTable.Entry {
    /// Whether two states of an entry tell a consumer the same.
    fileprivate func says(sameAs other: LeaseTable.Entry) -> Bool {
        attributes == other.attributes && problem == other.problem && lease == other.lease
    }
}

extension String {
    /// The order of etcd: by bytes.
    fileprivate func isBefore(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
