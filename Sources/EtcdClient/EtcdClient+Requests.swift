// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

extension EtcdClient {
    /// Reads a key or all keys with a prefix.
    ///
    /// Many are read in parts, all as of the revision of the first: one answer with thousands takes tens of megabytes.
    public func list(_ range: EtcdKeyRange) async throws(EtcdError) -> EtcdListing {
        while true {
            do throws(EtcdError) { return try await listOnce(range) } catch {
                // The store was compacted between two parts; the next reading has a newer revision.
                guard error.code == .compacted, !Task.isCancelled else { throw error }
            }
        }
    }

    private func listOnce(_ range: EtcdKeyRange) async throws(EtcdError) -> EtcdListing {
        var request = range.wire
        request["limit"] = .wire(options.pageSize)
        var answer = try await post("kv/range", .object(request))
        var listing = EtcdListing(revision: try answer.wireRevision(), entries: try answer.wireEntries())
        request["revision"] = .wire(listing.revision)
        while answer.wireBoolean("more"), let last = listing.entries.last {
            // The first key behind the last one.
            request["key"] = .wire(Array(last.key.utf8) + [0])
            answer = try await post("kv/range", .object(request))
            listing.entries += try answer.wireEntries()
        }
        return listing
    }

    /// Reads one key; nil when it does not exist.
    public func entry(_ key: String) async throws(EtcdError) -> EtcdEntry? { try await list(.key(key)).entries.first }

    /// Writes a key.
    ///
    /// - Parameter lease: The lease that the key ends with, 0 for none.
    /// - Returns: The revision of the store that has it.
    @discardableResult
    public func put(_ key: String, _ value: [UInt8], lease: Int64 = 0) async throws(EtcdError) -> Int64 {
        try await post("kv/put", EtcdOperation.put(key, value, lease)).wireRevision()
    }

    /// Deletes a key or all keys with a prefix.
    ///
    /// - Returns: How many there were.
    @discardableResult
    public func delete(_ range: EtcdKeyRange) async throws(EtcdError) -> Int64 {
        try await post("kv/deleterange", .object(range.wire)).wireInteger("deleted")
    }

    /// Does one thing if all conditions are met and another otherwise, with nothing of others in between.
    ///
    /// A transaction that fails with `unreachable` may have been done all the same, and one that was sent to a second
    /// member because the first did not answer may meet its own work.
    public func transact(
        if conditions: [EtcdCondition],
        then operations: [EtcdOperation],
        else alternatives: [EtcdOperation] = []
    ) async throws(EtcdError) -> EtcdOutcome {
        let answer = try await post(
            "kv/txn",
            [
                "compare": .array(conditions.map(\.wire)),
                "success": .array(operations.map(\.wire)),
                "failure": .array(alternatives.map(\.wire)),
            ]
        )
        var listings: [[EtcdEntry]] = []
        for response in answer.wireMember("responses")?.array ?? [] {
            // An empty listing may be an empty object, but the member is there.
            if let found = response.object?["response_range"] { listings.append(try found.wireEntries()) }
        }
        return EtcdOutcome(
            hasSucceeded: answer.wireBoolean("succeeded"),
            revision: try answer.wireRevision(),
            listings: listings
        )
    }

    /// Grants a lease.
    ///
    /// - Parameter id: Its number; 0 lets etcd choose.
    public func grantLease(id: Int64 = 0, seconds: Int64) async throws(EtcdError) -> EtcdLease {
        let answer = try await post("lease/grant", ["ID": .wire(id), "TTL": .wire(seconds)])
        return EtcdLease(id: try answer.wireInteger("ID"), timeToLive: try answer.wireInteger("TTL"))
    }

    /// Gives a lease its full time again.
    ///
    /// - Returns: For how many seconds it lasts.
    /// - Throws: `notFound` when it has ended.
    @discardableResult
    public func keepLeaseAlive(_ id: Int64) async throws(EtcdError) -> Int64 {
        let answer = try await post("lease/keepalive", ["ID": .wire(id)])
        if let failure = answer.wireMember("error") { throw EtcdError(inBand: failure) }
        let seconds = try answer.wireMember("result")?.wireInteger("TTL") ?? 0
        // etcd answers for a lease that has ended as for any other, but without time.
        guard seconds > 0 else { throw EtcdError(.notFound, "the lease \(id) has ended") }
        return seconds
    }

    /// Ends a lease, and with it all its keys.
    ///
    /// - Throws: `notFound` when it has ended already.
    public func revokeLease(_ id: Int64) async throws(EtcdError) {
        _ = try await post("lease/revoke", ["ID": .wire(id)])
    }

    /// For how many more seconds a lease lasts; nil when it has ended.
    public func remainingTime(ofLease id: Int64) async throws(EtcdError) -> Int64? {
        let seconds = try await post("lease/timetolive", ["ID": .wire(id)]).wireInteger("TTL")
        return seconds < 0 ? nil : seconds
    }
}
