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
    private var own: Lease?
    /// The outage that was told last.
    private var outage: OverlayError?

    init(_ store: KubernetesSubnetStore) {
        self.store = store
        feed = NodeFeed(store.client)
        store.tell(feed.alarm)
    }

    /// What the next snapshot would say of the own lease.
    private var ownNow: Lease? {
        table[store.options.nodeName].flatMap { store.isAsPublished($0.node) ? store.ownLease : nil }
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
            // Of thousands of updates almost none gets further than this.
            if !hasChanged, !isFirst, outage == self.outage, ownNow == own { continue }
            let snapshot = store.snapshot(of: table, outage: outage)
            (isFirst, self.outage, own) = (false, outage, snapshot.own)
            return snapshot
        }
        return nil
    }
}

extension KubernetesSubnetStore {
    /// All leases as a table has them.
    func snapshot(of table: NodeTable, outage: OverlayError?) -> SubnetSnapshot {
        var snapshot = SubnetSnapshot(own: nil, peers: [], outage: outage)
        snapshot.peers.reserveCapacity(table.entries.count)
        for entry in table.entries {
            if entry.node.name == options.nodeName {
                // What is not as it was published has to be published again.
                if isAsPublished(entry.node) { snapshot.own = ownLease }
                continue
            }
            if let problem = entry.problem {
                snapshot.problems.append(
                    OverlayError(
                        .malformedText,
                        "node \(entry.node.name): \(problem)",
                        advice: entry.lease == nil
                            ? "its pods cannot be reached until flanneld there writes it anew"
                            : "what it said before still counts; flanneld there writes it anew when it is restarted"
                    )
                )
            }
            if let lease = entry.lease { snapshot.peers.append(lease) }
        }
        return snapshot
    }
}
