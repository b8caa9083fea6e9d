// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Overlay

extension LeaseDirectory {
    /// The most that a lease's file may hold, in bytes.
    private static let fileLimit = 64 << 10

    /// Reads what has changed since the last look, and notes an outage or its end.
    ///
    /// - Parameter thoroughly: Whether files that look unchanged are read again.
    mutating func look(thoroughly: Bool = false) {
        do throws(OverlayError) {
            let keys = try keys()
            if outage != nil {
                // Nobody could renew meanwhile, or we did not see it: all get their full time again.
                for key in entries.keys { entries[key]?.movedAt = options.clock() }
                outage = nil
            }
            for key in entries.keys where keys[key] == nil { entries[key] = nil }
            for (key, subnets) in keys { update(key, subnets, thoroughly: thoroughly) }
            noticeDuplicate()
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
        for name in names where name.hasSuffix(".json") {
            let key = String(name.dropLast(5))
            if let known = entries[key] {
                keys[key] = known.subnets
            } else if let subnets = PerFamily<IPPrefix>(leaseKey: key), subnets.leaseKey == key {
                keys[key] = subnets
            }
        }
        return keys
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
                entries[key] = nil
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
        entries[key] = entry
    }

    private mutating func noticeDuplicate() {
        guard let own, let found = entries[own.key], found.problem == nil, let file = found.file else { return }
        if file.node == identity.node, file.heartbeat > own.file.heartbeat { isDuplicated = true }
    }

    /// Whether a lease of another node has ended: its heartbeat is readable and has stood still for its TTL.
    func hasEnded(_ entry: Entry) -> Bool {
        guard outage == nil, entry.problem == nil, let file = entry.file, file.timeToLive > 0,
            file.node != identity.node
        else { return false }
        return options.clock() - entry.movedAt >= .seconds(file.timeToLive)
    }

    /// Removes the files of leases that have ended, so that nodes that start now do not wait for them again.
    mutating func removeEnded() throws(OverlayError) {
        for (key, entry) in entries where hasEnded(entry) {
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
            if isGone { entries[key] = nil }
        }
    }

    /// All leases as they are known now.
    var snapshot: SubnetSnapshot {
        var snapshot = SubnetSnapshot(own: nil, peers: [], outage: outage)
        for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
            if let problem = entry.problem { snapshot.problems.append(Self.problem(path(of: key), problem, entry)) }
            guard let file = entry.file, !file.isTentative, !hasEnded(entry) else { continue }
            let lease = Lease(subnets: entry.subnets, attributes: file.attributes)
            if file.node != identity.node {
                snapshot.peers.append(lease)
            } else if key == own?.key {
                snapshot.own = lease
            }
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
            advice: "was this machine cloned? remove \(options.stateDirectory)/node-id on one of the two and restart it"
        )
    }
}
