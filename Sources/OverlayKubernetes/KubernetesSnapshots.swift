// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
public import Overlay

/// Snapshots of the nodes of a cluster: the first at once, the next whenever something in them changed.
public struct KubernetesSnapshots: AsyncSequence, Sendable {
    /// All leases at one moment.
    public typealias Element = SubnetSnapshot
    /// An outage is told in a snapshot.
    public typealias Failure = Never

    private let store: KubernetesSubnetStore

    init(_ store: KubernetesSubnetStore) { self.store = store }

    /// Starts to watch; the watch ends with the iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(follower: NodeFollower(store)) }

    /// Waits for changes in the cluster.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var follower: NodeFollower

        fileprivate init(follower: NodeFollower) { self.follower = follower }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next() async -> SubnetSnapshot? { await follower.next() }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(Never) -> SubnetSnapshot? {
            await follower.next()
        }
    }
}

/// Follows the nodes and tells what their annotations mean.
struct NodeFollower: Sendable {
    private let store: KubernetesSubnetStore
    private var feed: NodeFeed
    private var table = NodeTable()
    private var isFirst = true
    /// What the last snapshot said of the own lease.
    private var own = OwnLease()
    /// The outage that was told last.
    private var outage: OverlayError?

    init(_ store: KubernetesSubnetStore) {
        self.store = store
        feed = NodeFeed(store.client)
        store.tell(feed.alarm)
    }

    /// What a snapshot says of the own lease.
    private struct OwnLease: Hashable {
        var lease: Lease?
        var isHoldDue = false
    }

    /// The next snapshot; nil when the task was cancelled.
    mutating func next() async -> SubnetSnapshot? {
        while let update = await feed.next() {
            let hasChanged =
                switch update.news {
                case .none: false
                case .all(let nodes): table.replace(with: nodes)
                case .changes(let events): table.apply(events)
                }
            let outage = update.outage.map { OverlayError($0) }
            // As long as it is not known which node is this one, it could be taken for a peer.
            guard let name = store.nodeName else { continue }
            let entry = table[name]
            let own = OwnLease(
                lease: entry.flatMap(store.ownLease),
                isHoldDue: entry.map { store.isHoldDue($0.node) } ?? false
            )
            // Of thousands of updates almost none gets further than this.
            if !hasChanged, !isFirst, outage == self.outage, own == self.own { continue }
            (isFirst, self.outage, self.own) = (false, outage, own)
            var snapshot = SubnetSnapshot(own: own.lease, peers: [], outage: outage)
            snapshot.isHoldDue = own.isHoldDue
            snapshot.addPeers(of: table, except: name)
            return snapshot
        }
        return nil
    }
}

extension SubnetSnapshot {
    /// Takes in all leases that a table has, but for those of one node.
    fileprivate mutating func addPeers(of table: NodeTable, except name: String) {
        peers.reserveCapacity(table.entries.count)
        for entry in table.entries where entry.node.name != name {
            if let problem = entry.problem {
                problems.append(
                    OverlayError(
                        .malformedText,
                        "node \(entry.node.name): \(problem)",
                        advice: entry.lease == nil
                            ? "its pods cannot be reached until flanneld there writes it anew"
                            : "what it said before still counts; flanneld there writes it anew when it is restarted"
                    )
                )
            }
            if let lease = entry.lease { peers.append(lease) }
        }
    }
}
