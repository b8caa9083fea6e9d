// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Overlay

/// The shared directory as one node sees it: what it read last, and for how long each heartbeat has stood still.
///
/// Everything here blocks; ``FileSubnetStore`` keeps it on a thread of its own.
struct LeaseDirectory {
    /// What is known of one lease's file.
    struct Entry {
        /// The subnets, as the file's name says.
        let subnets: PerFamily<IPPrefix>
        /// The last good contents; nil when there never were any.
        var file: LeaseFile?
        /// What is wrong with the file now.
        var problem: String?
        /// When the heartbeat was seen to move, by this node's clock.
        var movedAt: Duration
        /// Tells whether the file must be read again.
        var stamp: FileStamp?
    }

    /// A key in the order of all.
    fileprivate struct Slot {
        let key: String
        var lease: Lease?
    }

    let options: FileStoreOptions
    let identity: NodeIdentity
    /// All files whose names are keys, by key.
    private(set) var entries: [String: Entry] = [:]
    /// All keys in order, each with the lease of another node that it stands for; nil until they are sorted.
    private var order: [Slot]?
    /// How many files cannot be used now.
    private var problemCount = 0
    /// When it was last looked for leases that have ended.
    var endingCheck: Duration?
    /// Why the directory could not be read the last time.
    var outage: OverlayError? { didSet { if outage != oldValue { version += 1 } } }
    /// The lease that this process has taken or renewed, as it wrote it.
    var own: (key: String, file: LeaseFile)? { didSet { if own?.key != oldValue?.key { version += 1 } } }
    /// Whether another process renews the lease under this node's identity.
    var isDuplicated = false { didSet { if isDuplicated != oldValue { version += 1 } } }
    /// How many leases have ended whose files are still there.
    var endedCount = 0 { didSet { if endedCount != oldValue { version += 1 } } }
    /// Changes with all that a snapshot shows: thousands of nodes renew their leases, which it does not show.
    private(set) var version = 0
    /// What tells that no name in the directory has changed since the last two looks, or since the last one only.
    var settledStamp: FileStamp?, lastStamp: FileStamp?

    init(_ options: FileStoreOptions) throws(OverlayError) {
        var options = options
        options.directory = Path.normalized(Path.absolute(options.directory))
        self.options = options
        identity = try NodeIdentity(in: options.stateDirectory)
    }

    /// Notes what is known of a file, nil when it is gone.
    mutating func note(_ entry: Entry?, _ key: String) {
        let old = entries.updateOrRemove(entry, key)
        let isAlike =
            old?.problem == entry?.problem && old?.file?.attributes == entry?.file?.attributes
            && old?.file?.node == entry?.file?.node && old?.file?.isTentative == entry?.file?.isTentative
        if isAlike, (old == nil) == (entry == nil) { return }
        version += 1
        problemCount += (entry?.problem == nil ? 0 : 1) - (old?.problem == nil ? 0 : 1)
        guard let place = order?.place(of: key) else { return }
        guard let entry else {
            order?.remove(at: place)
            return
        }
        let slot = Slot(key: key, lease: lease(entry))
        if old == nil { order?.insert(slot, at: place) } else { order?[place] = slot }
    }

    /// The lease of another node that a file is, whether it has ended or not.
    private func lease(_ entry: Entry) -> Lease? {
        guard let file = entry.file, !file.isTentative, file.node != identity.node else { return nil }
        return Lease(subnets: entry.subnets, attributes: file.attributes)
    }

    private mutating func sort() {
        if order == nil {
            order = entries.sorted { $0.key < $1.key }.map { Slot(key: $0.key, lease: lease($0.value)) }
        }
    }

    /// The leases of the other nodes that have not ended, in the order of their keys.
    mutating func peers() -> [Lease] {
        sort()
        guard let order else { return [] }
        if endedCount == 0 { return order.compactMap(\.lease) }
        let now = options.clock()
        return order.compactMap { slot in
            entries[slot.key].map { hasEnded($0, at: now) } == true ? nil : slot.lease
        }
    }

    /// What cannot be used, in the order of the keys, and why.
    func problems() -> [(key: String, reason: String, entry: Entry)] {
        if problemCount == 0 { return [] }
        return entries.sorted { $0.key < $1.key }.compactMap { key, entry in entry.problem.map { (key, $0, entry) } }
    }

    /// Gives all leases their full time again.
    mutating func restartTimes() {
        let now = options.clock()
        for key in entries.keys { entries[key]?.movedAt = now }
    }

    var configurationPath: String { "\(options.directory)/config.json" }
    var subnetsPath: String { "\(options.directory)/subnets" }
    func path(of key: String) -> String { "\(subnetsPath)/\(key).json" }
    /// No key, so that every reader skips it; the node's identity keeps machines apart, process ids would not.
    func temporaryPath(of key: String) -> String { "\(subnetsPath)/.\(key).\(identity.node).tmp" }

    /// Runs work while no other node changes files that are not its own.
    ///
    /// - Throws: `ETIMEDOUT` of `flock` when somebody keeps the lock.
    func withLock<Result>(_ body: () throws(SystemCallError) -> Result) throws(SystemCallError) -> Result {
        let lock = try FileLock.acquire(shared: "\(options.directory)/lock", until: .after(options.lockLimit))
        return try withExtendedLifetime(lock) { () throws(SystemCallError) in try body() }
    }

    /// Runs system calls on the shared directory.
    func reaching<Result>(_ body: () throws(SystemCallError) -> Result) throws(OverlayError) -> Result {
        do { return try body() } catch { throw Self.unreachable(error) }
    }

    static func unreachable(_ error: SystemCallError) -> OverlayError {
        if error.call == "flock", error.number == .timedOut {
            return OverlayError(
                .storeUnavailable,
                "somebody holds \(error.subject)",
                advice: "no flanneld does for longer than a moment; on the machine that does, fuser tells which process"
            )
        }
        return OverlayError(
            .storeUnavailable,
            error,
            advice: "until the shared directory is back, nothing changes and no lease ends"
        )
    }
}

extension [LeaseDirectory.Slot] {
    /// Where a key is, or belongs.
    fileprivate func place(of key: String) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Dictionary {
    /// Sets or removes a value, and returns the one that was there.
    fileprivate mutating func updateOrRemove(_ value: Value?, _ key: Key) -> Value? {
        if let value { updateValue(value, forKey: key) } else { removeValue(forKey: key) }
    }
}
