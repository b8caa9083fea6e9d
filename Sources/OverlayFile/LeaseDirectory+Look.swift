// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Overlay

extension LeaseDirectory {
    /// The most that a lease's file may hold, in bytes.
    private static let fileLimit = 64 << 10

    /// What is looked at.
    enum Scope: Hashable, Sendable {
        /// Files with these names, as others are known not to have changed.
        case names(Set<String>)
        /// Nothing where no name in the directory was made, renamed or removed since the last looks, else everything.
        case newNames
        /// Everything, but files that look unchanged are not read again.
        case all
        /// Everything.
        case thoroughly
    }

    /// Reads what has changed since the last look, and notes an outage or its end.
    mutating func look(_ scope: Scope = .all) {
        if outage == nil, File.isRegular(configurationPath) {
            switch scope {
            case .names(let names):
                for name in names {
                    if let (key, subnets) = key(of: name) { update(key, subnets, thoroughly: true) }
                }
                noticeDuplicate()
                return
            case .newNames:
                if let settledStamp, settledStamp == FileStamp(of: subnetsPath) { return }
            case .all, .thoroughly: break
            }
        }
        lookAtAll(thoroughly: scope == .thoroughly)
    }

    private mutating func lookAtAll(thoroughly: Bool) {
        // A change after this is seen by the next look, or by the one after it where the clock has not moved meanwhile.
        let stamp = FileStamp(of: subnetsPath)
        do throws(OverlayError) {
            let keys = try keys()
            if outage != nil {
                // Nobody could renew meanwhile, or we did not see it: all get their full time again.
                restartTimes()
                outage = nil
            }
            for key in entries.keys where keys[key] == nil { note(nil, key) }
            for (key, subnets) in keys { update(key, subnets, thoroughly: thoroughly) }
            noticeDuplicate()
            settledStamp = stamp == lastStamp && !entries.values.contains { $0.problem != nil } ? stamp : nil
            lastStamp = stamp
        } catch { outage = error }
    }

    /// The names in the directory that are keys in the spelling that we write; anything else is not ours to read.
    private func keys() throws(OverlayError) -> [String: PerFamily<IPPrefix>] {
        let names = try reaching { () throws(SystemCallError) in try Directory.names(in: subnetsPath) }
        guard File.isRegular(configurationPath) else {
            // The place where a file system is mounted is an empty directory while it is not.
            throw OverlayError(
                .storeUnavailable,
                "\(configurationPath) is gone",
                advice: "is \(options.directory) mounted? until the file is back, no lease ends"
            )
        }
        var keys: [String: PerFamily<IPPrefix>] = [:]
        keys.reserveCapacity(names.count)
        for name in names {
            if let (key, subnets) = key(of: name) { keys[key] = subnets }
        }
        return keys
    }

    /// The key that a file is for; nil for names of anything else.
    private func key(of name: String) -> (String, PerFamily<IPPrefix>)? {
        guard name.hasSuffix(".json") else { return nil }
        let key = String(name.dropLast(5))
        if let known = entries[key] { return (key, known.subnets) }
        guard let subnets = PerFamily<IPPrefix>(leaseKey: key), subnets.leaseKey == key else { return nil }
        return (key, subnets)
    }

    /// Reads one file, unless it is known.
    private mutating func update(_ key: String, _ subnets: PerFamily<IPPrefix>, thoroughly: Bool) {
        let path = path(of: key)
        let stamp = FileStamp(of: path)
        if !thoroughly, let stamp, stamp == entries[key]?.stamp { return }
        var entry = entries[key] ?? Entry(subnets: subnets, movedAt: options.clock())
        entry.stamp = stamp
        do {
            guard let contents = try File.contentsIfPresent(of: path, limit: Self.fileLimit) else {
                note(nil, key)
                return
            }
            let file = try LeaseFile(contents: contents)
            let hasMoved = file.node != entry.file?.node || file.heartbeat != entry.file?.heartbeat
            // While the file was bad its heartbeat could not be seen: it gets its full time again.
            if hasMoved || entry.problem != nil { entry.movedAt = options.clock() }
            entry.file = file
            entry.problem = nil
        } catch {
            entry.problem = "\(error)"
            entry.stamp = nil
        }
        note(entry, key)
    }

    /// Notes whether another process renews this node's lease, and takes the lease over where none does any more.
    private mutating func noticeDuplicate() {
        guard let own, let found = entries[own.key] else {
            isDuplicated = false
            return
        }
        guard found.problem == nil, let file = found.file else { return }
        guard file.node == identity.node, file.heartbeat > own.file.heartbeat else {
            isDuplicated = false
            return
        }
        isDuplicated = options.clock() - found.movedAt < patience
        // What this process writes next is beyond what the other one wrote last.
        if !isDuplicated { self.own = (own.key, file) }
    }

    /// For how long a heartbeat stands still before the process that made it counts as gone: three renewals, which is long
    /// before other nodes take the lease for ended.
    private var patience: Duration { options.renewalPeriod * 3 }

    /// Whether a lease of another node has ended: its heartbeat is readable and has stood still for its TTL.
    func hasEnded(_ entry: Entry, at now: Duration) -> Bool {
        guard outage == nil, entry.problem == nil, let file = entry.file, file.timeToLive > 0 else { return false }
        // Whose it is comes last: of thousands hardly any is that old.
        return now - entry.movedAt >= .seconds(file.timeToLive) && file.node != identity.node
    }

    /// Does ``removeEnded()`` once a second at most: leases last for whole seconds, and thousands are gone through.
    mutating func removeEndedInTime() throws(OverlayError) {
        if endedCount == 0, let endingCheck, options.clock() - endingCheck < .seconds(1) { return }
        try removeEnded()
    }

    /// Removes the files of leases that have ended, so that nodes that start now do not wait for them again.
    mutating func removeEnded() throws(OverlayError) {
        let now = options.clock()
        endingCheck = now
        var ended: [(key: String, entry: Entry)] = []
        for (key, entry) in entries where hasEnded(entry, at: now) { ended.append((key, entry)) }
        endedCount = ended.count
        for (key, entry) in ended {
            guard let seen = entry.file else { continue }
            let path = path(of: key)
            let isGone = try reaching { () throws(SystemCallError) in
                try withLock { () throws(SystemCallError) in
                    guard let contents = try File.contentsIfPresent(of: path, limit: Self.fileLimit) else {
                        return true
                    }
                    // The node may have renewed it at the last moment.
                    guard let file = try? LeaseFile(contents: contents), file.node == seen.node,
                        file.heartbeat == seen.heartbeat
                    else { return false }
                    try File.remove(path)
                    return true
                }
            }
            if isGone {
                note(nil, key)
                endedCount -= 1
            }
        }
    }

    /// All leases as they are known now.
    mutating func makeSnapshot() -> SubnetSnapshot {
        var snapshot = SubnetSnapshot(own: nil, peers: peers(), outage: outage)
        snapshot.problems = problems().map { Self.problem(path(of: $0.key), $0.reason, $0.entry) }
        if let own, let entry = entries[own.key], let file = entry.file, !file.isTentative, file.node == identity.node {
            snapshot.own = Lease(subnets: entry.subnets, attributes: file.attributes)
        }
        if isDuplicated { snapshot.problems.append(duplicateError) }
        return snapshot
    }

    private static func problem(_ path: String, _ reason: String, _ entry: Entry) -> OverlayError {
        OverlayError(
            .malformedText,
            "\(path): \(reason)",
            advice: entry.file == nil
                ? "its subnet is given to nobody; remove the file if no node uses it"
                : "what it said before still counts; its node repairs it with its next renewal"
        )
    }

    var duplicateError: OverlayError {
        OverlayError(
            .duplicateNode,
            "another machine renews the lease of this node, \(identity.node)",
            advice:
                "was this machine cloned? remove \(options.stateDirectory)/node-id on one of the two and restart it; "
                + "where that is the other one, this one renews the lease again \(patience.components.seconds) seconds "
                + "after the other's last renewal"
        )
    }
}
