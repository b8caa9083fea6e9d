// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import Overlay

/// A directory that the nodes share, or that only one node uses: `config.json`, and `subnets/` with a file per lease.
///
/// No server, no clock that agrees with another, and no lock that every node must honour: a subnet is taken by
/// `link(2)`, which one of all nodes wins, and lost when its heartbeat stood still for its TTL in another node's eyes.
public actor FileSubnetStore: SubnetStore {
    /// This node's identity in the store.
    public nonisolated let node: String
    /// What the store was made with.
    public nonisolated let options: FileStoreOptions
    private nonisolated let executor: BlockingExecutor
    private var directory: LeaseDirectory

    /// The store's own thread: a shared directory may block.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Reads this node's identity, or makes it; the shared directory may be away.
    public init(_ options: FileStoreOptions) throws(OverlayError) {
        let directory = try LeaseDirectory(options)
        executor = try BlockingExecutor()
        node = directory.identity.node
        self.options = directory.options
        self.directory = directory
    }

    /// Reads `config.json`, and makes it with `NetworkConfiguration.defaultText` where this is the first use.
    ///
    /// - Throws: `contradiction` when subnet.env says that this node is in another network.
    public func networkConfiguration() throws(OverlayError) -> NetworkConfiguration {
        try directory.networkConfiguration()
    }

    /// Takes or renews the lease; see `SubnetStore`.
    ///
    /// - Throws: `outOfSubnets`, `storeUnavailable`, `contention`, `duplicateNode`; after each of them a later call may
    ///   succeed.
    public func holdLease(
        publishing node: NodeDescription,
        in network: NetworkConfiguration,
        previous: PerFamily<IPPrefix> = PerFamily()
    ) throws(OverlayError) -> HeldLease {
        let lease = try directory.hold(node, in: network, previous: previous)
        return HeldLease(
            lease: lease,
            renewal: options.renewalPeriod,
            validity: .seconds(options.timeToLiveSeconds)
        )
    }

    /// Removes this node's lease.
    public func releaseLease() throws(OverlayError) { try directory.release() }

    /// All leases now, and again after each change; see `SubnetStore`.
    public nonisolated func snapshots() -> FileSnapshots { FileSnapshots(self) }

    /// Looks at the directory and frees what has ended.
    ///
    /// - Parameter version: That of the last snapshot.
    /// - Returns: A snapshot and its version, nil when it would be the same as the last.
    func snapshot(
        _ scope: LeaseDirectory.Scope,
        after version: Int?
    ) -> (snapshot: SubnetSnapshot, version: Int)? {
        directory.look(scope)
        // A lease that cannot be removed now has ended all the same, and is tried again with the next look.
        try? directory.removeEndedInTime()
        return directory.version == version ? nil : (directory.makeSnapshot(), directory.version)
    }
}
