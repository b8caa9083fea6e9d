// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

/// Where the shared directory and this node's own files are, and how patient the store is.
public struct FileStoreOptions: Sendable {
    /// The directory that the nodes share.
    public var directory: String
    /// This node's own directory, which outlives a reboot: its identity, and which stores it has used.
    public var stateDirectory = "/var/lib/flannel"
    /// The `subnet.env` that says which network this node had before.
    public var subnetFile = SubnetFile.defaultPath
    /// Whether a directory without `config.json` that this node has never used is given the default network.
    public var createsDefaultNetwork = true
    /// How long this node's lease outlives its last renewal; other nodes read it from the lease.
    public var timeToLive = Duration.seconds(86_400)
    /// How often the directory is looked at when nothing is told: `inotify(7)` does not see other machines' changes.
    public var pollPeriod = Duration.seconds(10)
    /// How long to wait for another node that holds the directory's lock, which is held for moments only.
    public var lockLimit = Duration.seconds(10)
    /// A clock that only goes forward, from any point: whether a lease has ended is measured with it.
    ///
    /// The monotonic clock stands while the machine sleeps: other nodes' leases do not end because this one slept.
    public var clock: @Sendable () -> Duration = { .nanoseconds(SystemClock.monotonic) }

    /// The defaults for a directory.
    public init(directory: String = "/var/lib/flannel/network") { self.directory = directory }

    /// How often this node's lease is renewed: many renewals may be missed before anyone takes the node for gone.
    var renewalPeriod: Duration { .seconds(timeToLiveSeconds) / 24 }

    /// The TTL as leases state it, in whole seconds.
    var timeToLiveSeconds: Int64 { max(1, timeToLive.components.seconds) }
}
