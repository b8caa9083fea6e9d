// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Overlay

extension LeaseDirectory {
    /// How often a claim is tried before the caller is told that others are always faster.
    private static let attempts = 50

    /// Renews this node's lease, or takes one.
    mutating func hold(
        _ node: NodeDescription,
        in network: NetworkConfiguration,
        previous: PerFamily<IPPrefix>
    ) throws(OverlayError) -> Lease {
        try prepare()
        try lookOrThrow(.thoroughly)
        if own == nil {
            try removeLeftovers()
            recognizeTornLease(network)
        }
        if isDuplicated { throw duplicateError }
        try removeEnded()
        var preferred = previous
        if let key = own?.key, let subnets = PerFamily<IPPrefix>(leaseKey: key) { preferred.prefer(subnets) }
        let (kept, others) = ownLeases(in: network, preferred: preferred)
        for key in others {
            if let entry = entries[key], kept == nil { preferred.prefer(entry.subnets) }
        }
        if let kept, let entry = entries[kept] {
            let attributes = node.attributes(for: entry.subnets, in: network, published: entry.file?.attributes)
            if try renew(kept, attributes) { return try granted(insteadOf: others) }
        }
        // A lease of an earlier configuration is in no way of the new one, and stays until there is that.
        let former = Set(others.filter { entries[$0].map { !network.admits($0.subnets) } ?? false })
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<Self.attempts {
            let taken = entries.filter { !former.contains($0.key) }.map(\.value.subnets)
            let subnets: PerFamily<IPPrefix>
            do throws(OverlayError) {
                subnets = try SubnetPicker(network, taken: taken).pick(previous: preferred, using: &generator)
            } catch {
                for key in former { try keep(key) }
                throw error
            }
            let attributes = node.attributes(for: subnets, in: network, published: nil)
            if try claim(subnets.leaseKey, attributes) { return try granted(insteadOf: others) }
            try lookOrThrow()
        }
        throw OverlayError(
            .contention,
            "in \(Self.attempts) attempts another node was always faster to take the subnet chosen",
            advice: "this is tried again with the next renewal"
        )
    }

    /// Gives all leases of this node back.
    mutating func release() throws(OverlayError) {
        guard mayHoldLeases else { return }
        try lookOrThrow(.thoroughly)
        for (key, entry) in entries where entry.file?.node == identity.node { try withdraw(key) }
        own = nil
        try identity.note(lease: nil, in: options.directory)
    }

    /// Takes a file that cannot be read for this node's, when it renewed it not long ago.
    ///
    /// It counts as a claim that is not settled yet: should somebody hold an overlapping subnet, it is withdrawn.
    private mutating func recognizeTornLease(_ network: NetworkConfiguration) {
        let timeToLive = options.timeToLiveSeconds
        guard let key = identity.certainLease(in: options.directory, timeToLive: timeToLive),
            var entry = entries[key], entry.problem != nil, entry.file == nil
        else { return }
        let attributes = LeaseAttributes(publicAddresses: PerFamily(), backendType: network.backend.type)
        entry.file = LeaseFile(attributes, node: identity.node, heartbeat: 0, timeToLive: timeToLive)
        note(entry, key)
    }

    /// The lease to keep of those that this node has, and the others: one that does not fit is of an earlier
    /// configuration, a second one is left by a crash.
    ///
    /// The one that the node worked with is kept, else the one that was renewed most.
    private func ownLeases(
        in network: NetworkConfiguration,
        preferred: PerFamily<IPPrefix>
    ) -> (kept: String?, others: [String]) {
        var candidates: [(isPreferred: Bool, heartbeat: Int64, key: String)] = []
        var others: [String] = []
        for (key, entry) in entries {
            guard let file = entry.file, file.node == identity.node else { continue }
            if network.admits(entry.subnets) {
                candidates.append((entry.subnets == preferred, file.heartbeat, key))
            } else {
                others.append(key)
            }
        }
        candidates.sort {
            ($0.isPreferred ? 1 : 0, $0.heartbeat, $1.key) > ($1.isPreferred ? 1 : 0, $1.heartbeat, $0.key)
        }
        return (candidates.first?.key, others + candidates.dropFirst().map(\.key))
    }

    /// - Parameter others: What this node gives up, now that it has another lease.
    private mutating func granted(insteadOf others: [String]) throws(OverlayError) -> Lease {
        if let key = own?.key { for other in others where other != key { try withdraw(other) } }
        guard let own, let subnets = PerFamily<IPPrefix>(leaseKey: own.key) else {
            throw OverlayError(.contention, "the lease was lost while it was taken")
        }
        // Without the note the lease is as good; it only helps should the file be torn at the next start.
        try? identity.note(lease: own.key, in: options.directory)
        return Lease(subnets: subnets, attributes: own.file.attributes)
    }

    private mutating func lookOrThrow(_ scope: Scope = .all) throws(OverlayError) {
        look(scope)
        if let outage { throw outage }
    }

    /// Whether there may be leases, here or where the real directory is when it is not mounted.
    ///
    /// It has none yet where no node has taken one, or where this one has never been.
    private var mayHoldLeases: Bool {
        Directory.exists(subnetsPath) || !File.isRegular(configurationPath) && identity.hasUsed(options.directory)
    }

    /// Makes the folder of leases in a directory that holds a configuration: only there, as the directory may be the
    /// empty place where the real one is to be mounted.
    private func prepare() throws(OverlayError) {
        guard File.isRegular(configurationPath) else { return }
        try reaching { () throws(SystemCallError) in try Directory.create(subnetsPath, mode: 0o755) }
    }

    /// Removes what an earlier process of this node was writing when it was killed.
    private func removeLeftovers() throws(OverlayError) {
        try reaching { () throws(SystemCallError) in
            for name in try Directory.names(in: subnetsPath)
            where name.hasPrefix(".") && name.hasSuffix(".\(identity.node).tmp") {
                try File.remove("\(subnetsPath)/\(name)")
            }
        }
    }

    /// Renews a lease of this node.
    ///
    /// - Returns: Whether it still was this node's.
    private mutating func renew(_ key: String, _ attributes: LeaseAttributes) throws(OverlayError) -> Bool {
        guard let known = entries[key]?.file else { return false }
        guard !known.isTentative else {
            own = (key, known)
            return try settle(key, attributes)
        }
        return try write(key, known.renewed(attributes, timeToLive: options.timeToLiveSeconds))
    }

    /// Renews a lease of an earlier configuration as it is, as long as there is no other.
    private mutating func keep(_ key: String) throws(OverlayError) {
        guard let file = entries[key]?.file, !file.isTentative else { return }
        _ = try write(key, file.renewed(file.attributes, timeToLive: options.timeToLiveSeconds))
    }

    /// Replaces the file of a lease of this node, unless it is another's by now or gone.
    private mutating func write(_ key: String, _ file: LeaseFile) throws(OverlayError) -> Bool {
        let (path, temporary, node) = (path(of: key), temporaryPath(of: key), identity.node)
        // Noted first: a write that fails may have been done all the same, and is not to be taken for a duplicate's.
        own = (key, file)
        let isOurs = try reaching { () throws(SystemCallError) in
            try withLock { () throws(SystemCallError) in
                guard let contents = try File.contentsIfPresent(of: path) else { return false }
                // A torn file is ours as long as its last good contents were: nobody else takes its name.
                if let found = try? LeaseFile(contents: contents), found.node != node { return false }
                try File.remove(temporary)
                try File.write(new: temporary, with: file.contents, mode: 0o644, durability: .powerCut)
                try File.rename(temporary, to: path)
                try Directory.flush(subnetsPath)
                return true
            }
        }
        if isOurs { look() } else { own = nil }
        return isOurs
    }

    /// Takes a subnet whose name is free.
    ///
    /// - Returns: Whether this node has it; when another was faster, or holds an overlapping one, nothing is left.
    private mutating func claim(_ key: String, _ attributes: LeaseAttributes) throws(OverlayError) -> Bool {
        let file = LeaseFile(
            attributes,
            node: identity.node,
            heartbeat: 0,
            timeToLive: options.timeToLiveSeconds
        )
        let (path, temporary) = (path(of: key), temporaryPath(of: key))
        let isLinked = try reaching { () throws(SystemCallError) in
            try File.remove(temporary)
            try File.write(new: temporary, with: file.contents, mode: 0o644, durability: .powerCut)
            do throws(SystemCallError) { try File.link(temporary, to: path) } catch {
                _ = try? File.remove(temporary)
                if error.number == .exists { return false }
                throw error
            }
            try File.remove(temporary)
            try Directory.flush(subnetsPath)
            return true
        }
        guard isLinked else { return false }
        own = (key, file)
        return try settle(key, attributes)
    }

    /// Turns a claim into a lease, or withdraws it when an overlapping subnet of another length, or of the other
    /// family, is held.
    ///
    /// Two looks, one on each side of the step from claim to lease, so that of two nodes that overlap at least one sees
    /// the other in time, without any lock: a lease that was settled earlier always stays; of two that settle at once
    /// the smaller key stays.
    private mutating func settle(_ key: String, _ attributes: LeaseAttributes) throws(OverlayError) -> Bool {
        guard let claim = own?.file else { return false }
        try lookOrThrow()
        if rivals(of: key).contains(where: { $0.file?.isTentative != true || $0.key < key }) {
            try withdraw(key)
            return false
        }
        guard try write(key, claim.renewed(attributes, timeToLive: options.timeToLiveSeconds)) else { return false }
        try lookOrThrow()
        if rivals(of: key).contains(where: { $0.key < key }) {
            try withdraw(key)
            return false
        }
        return true
    }

    /// Other nodes' leases and claims that have an address in common with ours.
    private func rivals(of key: String) -> [(key: String, file: LeaseFile?)] {
        guard let subnets = PerFamily<IPPrefix>(leaseKey: key) else { return [] }
        let now = options.clock()
        return entries.filter {
            $0.key != key && $0.value.file?.node != identity.node && !hasEnded($0.value, at: now)
                && $0.value.subnets.overlaps(subnets)
        }.map { ($0.key, $0.value.file) }
    }

    /// Removes a file of this node, unless it is another's by now.
    private mutating func withdraw(_ key: String) throws(OverlayError) {
        let (path, node) = (path(of: key), identity.node)
        try reaching { () throws(SystemCallError) in
            try withLock { () throws(SystemCallError) in
                guard let contents = try File.contentsIfPresent(of: path) else { return }
                if let found = try? LeaseFile(contents: contents), found.node != node { return }
                try File.remove(path)
            }
        }
        note(nil, key)
        if own?.key == key { own = nil }
    }
}

extension PerFamily where Value == IPPrefix {
    /// Takes over the subnets of the families that another pair has.
    fileprivate mutating func prefer(_ other: PerFamily<IPPrefix>) {
        for family in other.families { self[family] = other[family] }
    }
}
