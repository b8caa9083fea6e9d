// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
public import IPAddresses
public import Overlay
internal import Synchronization

/// etcd, with flannel's keys and values: `config`, and `subnets/` with a key per lease.
///
/// ``shutdown()`` must be called before the last reference ends.
public final class EtcdSubnetStore: SubnetStore {
    /// The lease that this process holds, as it wrote it.
    struct Held: Hashable {
        var key: String
        var subnets: PerFamily<IPPrefix>
        var attributes: LeaseAttributes
        /// The etcd lease; 0 where the subnet is reserved for this node.
        var lease: Int64
        var modRevision: Int64
    }

    private struct State {
        var held: Held?
        var hasHeld = false
        var addresses: Set<PerFamily<IPAddress>> = []
        var watches: [WatchReference] = []
    }

    /// A watch that is told of changes that etcd does not report.
    private struct WatchReference {
        weak var watch: EtcdWatch?
    }

    /// What the store was made with.
    public let options: EtcdStoreOptions
    /// The number of this node's etcd lease.
    public let leaseNumber: Int64
    let client: EtcdClient
    let keys: NetworkKeys
    private let state = Mutex(State())

    /// Reads the number of this node's lease, which is chosen at the first use; etcd may be away.
    public init(_ options: EtcdStoreOptions) throws(OverlayError) {
        self.options = options
        keys = NetworkKeys(prefix: options.prefix)
        leaseNumber = try LeaseNumber.read(in: options.stateDirectory, prefix: keys.prefix)
        do throws(EtcdError) { client = try EtcdClient(options.client) } catch { throw OverlayError(error) }
    }

    /// Closes all connections; the lease stays.
    public func shutdown() async { await client.shutdown() }

    /// Gives up all connections; the watch goes on over a new one from where it was.
    public func reconnect() { client.reconnect() }

    /// Reads the key `config`.
    public func networkConfiguration() async throws(OverlayError) -> NetworkConfiguration {
        let entry = try await reaching { () async throws(EtcdError) in
            try await self.client.entry(self.keys.configuration)
        }
        guard let entry else {
            throw OverlayError(
                .notConfigured,
                "etcd has no key \(keys.configuration)",
                advice: "write it, such as: etcdctl put \(keys.configuration) "
                    + "'{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}'; "
                    + "or is the network under another --etcd-prefix?"
            )
        }
        do throws(OverlayError) { return try NetworkConfiguration(parsing: entry.value) } catch {
            throw OverlayError(error.code, "\(keys.configuration) in etcd: \(error.message)", advice: error.advice)
        }
    }

    /// Takes, takes up again, or renews the lease; see `SubnetStore`.
    ///
    /// - Throws: `storeUnavailable`, `outOfSubnets`, `contention`, `duplicateNode`; after each a later call may succeed.
    public func holdLease(
        publishing node: NodeDescription,
        in network: NetworkConfiguration,
        previous: PerFamily<IPPrefix> = PerFamily()
    ) async throws(OverlayError) -> HeldLease {
        // The lease is prolonged at some point of what follows: from its start on, at the earliest.
        let began = ContinuousClock.now
        let held = try await hold(node, in: network, previous: previous)
        let lease = Lease(subnets: held.subnets, attributes: held.attributes)
        if held.lease == 0 { return HeldLease(lease: lease, renewal: nil) }
        return HeldLease(
            lease: lease,
            renewal: options.renewal,
            validity: max(.zero, .seconds(options.timeToLiveSeconds) - began.duration(to: .now))
        )
    }

    /// Ends this node's etcd lease, and with it its key; a reservation stays.
    public func releaseLease() async throws(OverlayError) {
        try await reaching { () async throws(EtcdError) in
            do throws(EtcdError) { try await self.client.revokeLease(self.leaseNumber) } catch {
                guard error.code == .notFound else { throw error }
            }
        }
        held = nil
    }

    /// All leases now, and again after each change; see `SubnetStore`.
    public func snapshots() -> EtcdSnapshots { EtcdSnapshots(self) }

    /// The lease that this process holds; a change is told to all who look at snapshots.
    var held: Held? {
        get { state.withLock { $0.held } }
        set {
            let watches = state.withLock { state in
                state.held = newValue
                if newValue != nil { state.hasHeld = true }
                return state.watches.compactMap(\.watch)
            }
            for watch in watches { watch.wake() }
        }
    }

    /// All public addresses that this process has published, or was about to.
    var addresses: Set<PerFamily<IPAddress>> { state.withLock { $0.addresses } }

    /// Notes a public address before it is published.
    func note(_ addresses: PerFamily<IPAddress>) { state.withLock { _ = $0.addresses.insert(addresses) } }

    /// Whether this process has held a lease: then its own ones are known by the number of their etcd lease alone.
    var hasHeld: Bool { state.withLock { $0.hasHeld } }

    /// Has a watch told when ``held`` changes.
    func tell(_ watch: EtcdWatch) {
        state.withLock { state in
            state.watches.removeAll { $0.watch == nil }
            state.watches.append(WatchReference(watch: watch))
        }
    }

    /// Asks etcd.
    func reaching<Result: Sendable>(
        _ body: () async throws(EtcdError) -> Result
    ) async throws(OverlayError) -> Result {
        do throws(EtcdError) { return try await body() } catch { throw OverlayError(error) }
    }
}

extension OverlayError {
    /// A request to etcd that failed: all that may pass.
    init(_ error: EtcdError) {
        let advice =
            switch error.code {
            case .configuration, .invalidRequest: ""
            case .unreachable, .unavailable, .notFound, .compacted:
                "until etcd is back nothing changes, and the node's lease lasts for its time"
            case .refused:
                "check --etcd-username, --etcd-password, --etcd-cafile, --etcd-certfile, --etcd-keyfile; a user that "
                    + "is only named in a certificate is unknown to etcd's gateway"
            case .certificates:
                "it is read again with each request; check --etcd-cafile, --etcd-certfile, --etcd-keyfile"
            case .malformedAnswer: "check --etcd-endpoints"
            }
        self.init(error.code == .configuration ? .option : .storeUnavailable, error.message, advice: advice)
    }
}
