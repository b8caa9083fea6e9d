// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import IPAddresses
internal import JSON
internal import Overlay

extension EtcdSubnetStore {
    /// How often a claim is tried before the caller is told that others are always faster.
    private static var attempts: Int { 50 }

    /// What is asked for with one call.
    struct Wish {
        let node: NodeDescription
        let network: NetworkConfiguration
        var preferred: PerFamily<IPPrefix>
    }

    /// Renews this node's lease, or takes one.
    func hold(
        _ node: NodeDescription,
        in network: NetworkConfiguration,
        previous: PerFamily<IPPrefix>
    ) async throws(OverlayError) -> Held {
        note(node.publicAddresses)
        var wish = Wish(node: node, network: network, preferred: previous)
        if let held {
            for family in held.subnets.families { wish.preferred[family] = held.subnets[family] }
            if network.admits(held.subnets), let renewed = try await renew(held, wish) { return renewed }
        }
        var table = LeaseTable(keys)
        _ = table.replace(with: try await list())
        for _ in 0..<Self.attempts {
            let (kept, others) = ownEntries(in: table, wish)
            let outcome: Attempt
            if let kept {
                // An earlier process of this node has renewed it last, for all we know just before its end.
                if kept.lease == leaseNumber { try await ensureLease() }
                outcome = try await write(kept, wish)
            } else {
                // A lease of an earlier configuration is kept as long as there is no other.
                if others.contains(where: { $0.lease == leaseNumber }) { try await ensureLease() }
                outcome = try await claim(beside: table.entries, replacing: Set(others.map(\.key)), wish)
            }
            switch outcome {
            case .holds(let held):
                for entry in others where entry.key != held.key { try await withdraw(entry) }
                // Only now: as long as it is not noted all entries are looked at, and what is left is found again.
                self.held = held
                return held
            case .lost(let listing?): _ = table.replace(with: listing)
            case .lost(nil): _ = table.replace(with: try await list())
            }
        }
        throw OverlayError(
            .contention,
            "in \(Self.attempts) attempts another node was always faster to take the subnet chosen",
            advice: "this is tried again with the next renewal"
        )
    }

    /// How an attempt went.
    enum Attempt {
        /// The node has the lease.
        case holds(Held)
        /// Another node was faster; what is there now, when that was told.
        case lost(EtcdListing?)
    }

    /// Prolongs the lease that this process holds, and rewrites its value when that has changed.
    ///
    /// - Returns: Nil when the lease is lost.
    private func renew(_ held: Held, _ wish: Wish) async throws(OverlayError) -> Held? {
        var table = LeaseTable(keys)
        if held.lease != 0 { try await ensureLease() }
        let found = try await reaching { () async throws(EtcdError) in try await self.client.list(.key(held.key)) }
        _ = table.replace(with: found)
        guard let entry = table[held.key], try isStillOurs(entry, held, wish) else {
            self.held = nil
            return nil
        }
        guard case .holds(let renewed) = try await write(entry, wish) else { return nil }
        self.held = renewed
        return renewed
    }

    /// Whether a key that this process has written is this node's still.
    ///
    /// - Throws: `duplicateNode` when another node acts as this one.
    private func isStillOurs(
        _ entry: LeaseTable.Entry,
        _ held: Held,
        _ wish: Wish
    ) throws(OverlayError) -> Bool {
        if entry.modRevision == held.modRevision { return true }
        let isOurAddress = addresses.contains {
            entry.attributes?.publicAddresses.names($0, in: wish.network) == true
        }
        if entry.isReservation { return isOurAddress }
        if entry.lease == leaseNumber, isOurAddress || entry.problem != nil { return true }
        // A lease with our number and a strange address is from a copy of this machine, one with our address and a
        // strange number from a node that was given the same address; the rest is a subnet that we had lost before.
        if entry.lease == leaseNumber || isOurAddress { throw duplicateError(entry) }
        return false
    }

    /// What to say of a key of ours that another node has written.
    func duplicateError(_ entry: LeaseTable.Entry) -> OverlayError {
        OverlayError(
            .duplicateNode,
            "another node has taken over the lease of this one, \(entry.key)",
            advice: entry.lease == leaseNumber
                ? "was this machine cloned? remove \(options.stateDirectory)/etcd-leases.json on one of the two and "
                    + "restart it"
                : "do two nodes have one public address? give one of them another with --public-ip or --iface"
        )
    }

    /// The entry to keep of those that are this node's, and those to give up: one that does not fit is of an earlier
    /// configuration, a second one is left by a crash.
    ///
    /// This node's are those with the number of its lease. Where there is none yet it is known by its public address,
    /// as flannel knows nodes; so are reservations for it.
    private func ownEntries(
        in table: LeaseTable,
        _ wish: Wish
    ) -> (kept: LeaseTable.Entry?, others: [LeaseTable.Entry]) {
        var candidates: [LeaseTable.Entry] = []
        var others: [LeaseTable.Entry] = []
        let isNumbered = table.entries.contains { $0.lease == leaseNumber }
        for entry in table.entries {
            guard let subnets = entry.subnets else { continue }
            let isNamed = entry.attributes?.publicAddresses.names(wish.node.publicAddresses, in: wish.network) == true
            let isOurs =
                entry.lease == leaseNumber || isNamed && (entry.isReservation || !isNumbered && !hasHeld)
            guard isOurs else { continue }
            if wish.network.admits(subnets) {
                candidates.append(entry)
            } else if !entry.isReservation {
                others.append(entry)
            }
        }
        let kept =
            candidates.first { $0.lease == leaseNumber && $0.subnets == wish.preferred }
            ?? candidates.first { $0.lease == leaseNumber } ?? candidates.first { $0.isReservation }
            ?? candidates.first { $0.subnets == wish.preferred } ?? candidates.first
        others += candidates.filter { $0.lease == leaseNumber && $0.key != kept?.key }
        return (kept, others)
    }

    /// Writes the value of a key that is this node's, unless it says so already.
    private func write(_ entry: LeaseTable.Entry, _ wish: Wish) async throws(OverlayError) -> Attempt {
        guard let subnets = entry.subnets else { return .lost(nil) }
        let lease = entry.isReservation ? 0 : leaseNumber
        var held = Held(
            key: entry.key,
            subnets: subnets,
            attributes: wish.node.attributes(for: subnets, in: wish.network, published: entry.attributes),
            lease: lease,
            modRevision: entry.modRevision
        )
        if entry.attributes == held.attributes, entry.problem == nil, entry.lease == lease { return .holds(held) }
        if lease != 0 { try await ensureLease() }
        let outcome = try await transact(
            if: .isUnchanged(entry.key, since: entry.modRevision),
            then: [.put(key: entry.key, value: held.attributes.json.text(), lease: lease)]
        )
        guard let outcome, outcome.hasSucceeded else { return .lost(nil) }
        held.modRevision = outcome.revision
        return .holds(held)
    }

    /// Takes a subnet that no key names, and gives it back when it overlaps an older one.
    ///
    /// The keys are read in the same step as the new one is made: all others are older, so of two nodes that overlap
    /// exactly the later one gives way.
    ///
    /// - Parameter former: The keys of this node that go once it has the new one.
    private func claim(
        beside entries: [LeaseTable.Entry],
        replacing former: Set<String>,
        _ wish: Wish
    ) async throws(OverlayError) -> Attempt {
        var generator = SystemRandomNumberGenerator()
        let picker = SubnetPicker(
            wish.network,
            taken: entries.filter { !former.contains($0.key) }.compactMap(\.subnets)
        )
        let subnets = try picker.pick(previous: wish.preferred, using: &generator)
        let attributes = wish.node.attributes(for: subnets, in: wish.network, published: nil)
        let key = keys.lease(subnets)
        try await ensureLease()
        let outcome = try await transact(
            if: .isAbsent(key),
            then: [.put(key: key, value: attributes.json.text(), lease: leaseNumber), .list(keys.leases)],
            else: [.list(keys.leases)]
        )
        guard let outcome, let found = outcome.listings.first else { return .lost(nil) }
        let listing = EtcdListing(revision: outcome.revision, entries: found)
        guard outcome.hasSucceeded else { return .lost(listing) }
        var table = LeaseTable(keys)
        _ = table.replace(with: listing)
        let isOverlapping = table.entries.contains {
            $0.key != key && !former.contains($0.key) && $0.subnets?.overlaps(subnets) == true
        }
        guard isOverlapping, let own = table[key] else {
            return .holds(
                Held(
                    key: key,
                    subnets: subnets,
                    attributes: attributes,
                    lease: leaseNumber,
                    modRevision: outcome.revision
                )
            )
        }
        try await withdraw(own)
        return .lost(nil)
    }

    /// Makes sure that this node's etcd lease is there, with its full time.
    private func ensureLease() async throws(OverlayError) {
        let (number, seconds) = (leaseNumber, options.timeToLiveSeconds)
        try await reaching { () async throws(EtcdError) in
            do throws(EtcdError) { try await self.client.keepLeaseAlive(number) } catch {
                guard error.code == .notFound else { throw error }
                do throws(EtcdError) { _ = try await self.client.grantLease(id: number, seconds: seconds) } catch {
                    // An earlier grant whose answer was lost: the lease is there.
                    guard error.code == .invalidRequest else { throw error }
                    try await self.client.keepLeaseAlive(number)
                }
            }
        }
    }

    /// Deletes a key of this node, unless it was written since.
    private func withdraw(_ entry: LeaseTable.Entry) async throws(OverlayError) {
        _ = try await transact(
            if: .isUnchanged(entry.key, since: entry.modRevision),
            then: [.delete(.key(entry.key))]
        )
    }

    private func list() async throws(OverlayError) -> EtcdListing {
        try await reaching { () async throws(EtcdError) in try await self.client.list(self.keys.leases) }
    }

    /// Runs a transaction; nil when the etcd lease has ended just before.
    private func transact(
        if condition: EtcdCondition,
        then operations: [EtcdOperation],
        else alternatives: [EtcdOperation] = []
    ) async throws(OverlayError) -> EtcdOutcome? {
        try await reaching { () async throws(EtcdError) in
            do throws(EtcdError) {
                return try await self.client.transact(if: [condition], then: operations, else: alternatives)
            } catch {
                guard error.code == .notFound else { throw error }
                return nil
            }
        }
    }
}

extension PerFamily where Value == IPAddress {
    /// Whether these addresses, of a lease, name the node that has others: in the families of the network at least one
    /// is equal, and none differs.
    func names(_ node: PerFamily<IPAddress>, in network: NetworkConfiguration) -> Bool {
        var isEqual = false
        for family in network.families.families {
            guard let published = self[family], let own = node[family] else { continue }
            guard published == own else { return false }
            isEqual = true
        }
        return isEqual
    }
}
