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

    let options: FileStoreOptions
    let identity: NodeIdentity
    /// All files whose names are keys, by key.
    private(set) var entries: [String: Entry] = [:]
    /// All keys in order; nil until they are sorted.
    private var sortedKeys: [String]?
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
        if !isAlike || (old == nil) != (entry == nil) { version += 1 }
        guard (old == nil) != (entry == nil), let place = sortedKeys?.place(of: key) else { return }
        if entry == nil { sortedKeys?.remove(at: place) } else { sortedKeys?.insert(key, at: place) }
    }

    /// All keys in order.
    mutating func keysInOrder() -> [String] {
        let keys = sortedKeys ?? entries.keys.sorted()
        sortedKeys = keys
        return keys
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

extension [String] {
    /// Where a text is, or belongs, in a list that is in order.
    fileprivate func place(of text: String) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < text { low = middle + 1 } else { high = middle }
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
