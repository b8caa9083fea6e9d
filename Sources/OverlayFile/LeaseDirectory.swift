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
    var entries: [String: Entry] = [:]
    /// Why the directory could not be read the last time.
    var outage: OverlayError?
    /// The lease that this process has taken or renewed, as it wrote it.
    var own: (key: String, file: LeaseFile)?
    /// Whether another process renews the lease under this node's identity.
    var isDuplicated = false

    init(_ options: FileStoreOptions) throws(OverlayError) {
        var options = options
        options.directory = Path.normalized(Path.absolute(options.directory))
        self.options = options
        identity = try NodeIdentity(in: options.stateDirectory)
    }

    var configurationPath: String { "\(options.directory)/config.json" }
    var subnetsPath: String { "\(options.directory)/subnets" }
    func path(of key: String) -> String { "\(subnetsPath)/\(key).json" }
    /// No key, so that every reader skips it; the node's identity keeps machines apart, process ids would not.
    func temporaryPath(of key: String) -> String { "\(subnetsPath)/.\(key).\(identity.node).tmp" }

    /// Runs work while no other node changes files that are not its own.
    func withLock<Result>(_ body: () throws(SystemCallError) -> Result) throws(SystemCallError) -> Result {
        let lock = try FileLock.acquire("\(options.directory)/lock", isShared: true)
        return try withExtendedLifetime(lock) { () throws(SystemCallError) in try body() }
    }

    /// Runs system calls on the shared directory.
    func reaching<Result>(_ body: () throws(SystemCallError) -> Result) throws(OverlayError) -> Result {
        do { return try body() } catch { throw Self.unreachable(error) }
    }

    static func unreachable(_ error: SystemCallError) -> OverlayError {
        OverlayError(
            .storeUnavailable,
            error,
            advice: "until the shared directory is back, nothing changes and no lease ends"
        )
    }
}
