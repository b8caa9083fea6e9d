// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
internal import LinuxSystem

/// An address that was reserved, and the range it is from.
public struct Grant: Hashable, Sendable {
    /// The address.
    public let address: IPAddress
    /// The range it is from: prefix length and gateway are its.
    public let range: AddressRange
}

extension ReservationStore {
    /// Reserves one address out of each range set for an attachment; all of them or none.
    ///
    /// A set's address is the requested one, else the one that the attachment had in an earlier boot, else the next
    /// free one after the one handed out last, else one that was reserved in an earlier boot.
    ///
    /// - Parameters:
    ///   - sets: The range sets, which do not overlap.
    ///   - requested: Addresses that the attachment must get; each needs a set of its own.
    /// - Throws: ``CNIError`` with code 102 when the attachment was granted an address in this boot and did not release
    ///   it, 101 when a set is exhausted or a requested address is not to be had.
    public func reserve(
        _ sets: [RangeSet],
        requested: [IPAddress] = [],
        for attachment: AttachmentID
    ) throws(CNIError) -> [Grant] {
        try attemptCNI { () throws(SystemCallError) in try folder.create() }
        return try withIndex { (index) throws(StoreFailure) in
            let held = try holdings(of: attachment, in: &index)
            for address in held.addresses where try !index.isIn(.reclaimable, address) {
                throw .failed(
                    CNIError(
                        .alreadyExists,
                        "\(address) has been allocated to \(attachment), duplicate allocation is not allowed",
                        details: "DEL releases it; the first ADD's address stays as it is"
                    )
                )
            }
            let plan = try plan(sets, requested: requested, held: held.addresses, index: &index)
            // What it had and gets no more: the ranges were changed, or another address was requested.
            for address in held.addresses where !plan.contains(where: { $0.grant.address == address }) {
                try attempt { () throws(SystemCallError) in try folder.remove(address) }
                try index.remove(address, of: held.owner)
            }
            try carryOut(plan, for: attachment, index: &index)
            return plan.map(\.grant)
        }
    }

    /// One address that will be granted.
    private struct PlannedGrant {
        let set: Int
        let grant: Grant
        /// Whether a reservation of an earlier boot stands in its place.
        let takesOver: Bool
    }

    /// Chooses an address from each set; changes nothing.
    private func plan(
        _ sets: [RangeSet],
        requested: [IPAddress],
        held: [IPAddress],
        index: inout ReservationIndex
    ) throws(StoreFailure) -> [PlannedGrant] {
        var open = requested
        var plan: [PlannedGrant] = []
        for (position, set) in sets.enumerated() {
            let skipped = set.neverHandedOut
            let address: IPAddress
            if let next = open.firstIndex(where: set.contains) {
                address = open.remove(at: next)
                try requireGrantable(address, from: set, index: &index)
            } else if let own = held.first(where: { own in
                set.contains(own) && !skipped.contains { $0.contains(own.value) }
            }) {
                address = own
            } else {
                let cursor = folder.cursor(ofSet: position)
                if let free = try index.next(.free, in: set, after: cursor) {
                    address = free
                } else if let old = try nextReclaimable(in: set, after: cursor, index: &index) {
                    address = old
                } else {
                    throw .failed(
                        CNIError(
                            .addressUnavailable,
                            "no IP addresses available in range set: \(set): all \(set.capacity) are reserved",
                            details: Self.exhaustionAdvice
                        )
                    )
                }
            }
            guard let range = set.range(of: address) else { throw .stale }
            plan.append(
                PlannedGrant(
                    set: position,
                    grant: Grant(address: address, range: range),
                    takesOver: try index.isIn(.reserved, address)
                )
            )
        }
        if let left = open.first {
            let reason =
                sets.contains { $0.contains(left) }
                ? "its range set gives one address, and another one was requested from it too"
                : "it is in none of the ranges \(sets.map(\.description).joined(separator: " and "))"
            throw .failed(
                CNIError(
                    .addressUnavailable,
                    "failed to allocate all requested IPs: "
                        + "\(open.map(\.description).joined(separator: ", ")): \(left): \(reason)"
                )
            )
        }
        return plan
    }

    /// The next address of an earlier boot's attachment.
    ///
    /// A file that cannot be read stays as it is. One that is torn, or gone, shows that the index does not describe the
    /// folder: making it anew frees the address.
    func nextReclaimable(
        in set: RangeSet,
        after cursor: IPAddress?,
        index: inout ReservationIndex
    ) throws(StoreFailure) -> IPAddress? {
        while let address = try index.next(.reclaimable, in: set, after: cursor) {
            do {
                guard case .owned? = try folder.reservation(of: address) else { throw StoreFailure.stale }
                return address
            } catch is SystemCallError { try index.keep(address) } catch { throw .stale }
        }
        return nil
    }

    private func isOwned(_ address: IPAddress) -> Bool {
        if case .owned? = try? folder.reservation(of: address) { true } else { false }
    }

    private func requireGrantable(
        _ address: IPAddress,
        from set: RangeSet,
        index: inout ReservationIndex
    ) throws(StoreFailure) {
        func refuse(_ reason: String) -> StoreFailure {
            .failed(
                CNIError(
                    .addressUnavailable,
                    "requested IP address \(address) is not available in range set \(set): \(reason)"
                )
            )
        }
        if set.ranges.contains(where: { $0.gateway == address }) { throw refuse("it is the subnet's gateway") }
        if let exclusion = set.ranges.flatMap(\.excluded).first(where: { $0.contains(address) }) {
            throw refuse("it is in \(exclusion), which exclude keeps free")
        }
        if try index.isIn(.free, address) { return }
        if try index.isIn(.reclaimable, address), isOwned(address) { return }
        switch try attempt({ () throws(SystemCallError) in try folder.reservation(of: address) }) {
        case .owned(let owner) where owner.interfaceName.isEmpty:
            throw refuse("container \(owner.containerID) holds it")
        case .owned(let owner):
            throw refuse("interface \(owner.interfaceName) of container \(owner.containerID) holds it")
        case .torn, nil: throw .stale
        }
    }

    /// Makes the reservations; a failure takes back those made.
    private func carryOut(
        _ plan: [PlannedGrant],
        for attachment: AttachmentID,
        index: inout ReservationIndex
    ) throws(StoreFailure) {
        var made: [IPAddress] = []
        do throws(StoreFailure) {
            for item in plan {
                let address = item.grant.address
                if item.takesOver {
                    let previous = try attempt { () throws(SystemCallError) in try folder.reservation(of: address) }
                    guard case .owned(let owner)? = previous else { throw .stale }
                    // Rewritten even for the same owner: the file's time is what a lost index is made anew from.
                    try attempt { () throws(SystemCallError) in try folder.replace(address, for: attachment) }
                    try index.remove(address, of: owner)
                } else {
                    try create(address, for: attachment)
                }
                made.append(address)
                try index.insert(address, for: attachment)
                try attempt { () throws(SystemCallError) in try folder.setCursor(ofSet: item.set, to: address) }
            }
        } catch {
            // The index is not saved after a failure, so it is made anew from what is left here.
            for address in made { _ = try? folder.remove(address) }
            throw error
        }
    }

    private func create(_ address: IPAddress, for attachment: AttachmentID) throws(StoreFailure) {
        do { try folder.create(address, for: attachment) } catch {
            if error.number == .exists { throw .stale }
            try attempt { () throws(SystemCallError) in throw error }
        }
    }
}
