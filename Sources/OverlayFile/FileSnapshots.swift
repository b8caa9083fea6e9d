// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
public import Overlay

/// Snapshots of a shared directory: the first at once, the next whenever something in them changed.
public struct FileSnapshots: AsyncSequence, Sendable {
    /// All leases at one moment.
    public typealias Element = SubnetSnapshot
    /// An outage is told in a snapshot.
    public typealias Failure = Never

    private let store: FileSubnetStore

    init(_ store: FileSubnetStore) { self.store = store }

    /// Starts to watch the directory; the watch ends with the iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(store) }

    /// Waits for changes of a shared directory.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let store: FileSubnetStore
        private let pending = PendingLook()
        private var signals: AsyncStream<Void>.Iterator
        private var last: (snapshot: SubnetSnapshot, version: Int)?

        init(_ store: FileSubnetStore) {
            self.store = store
            signals = LeaseWatch(store.options, pending).signals.makeAsyncIterator()
        }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next() async -> SubnetSnapshot? {
            await next(isolation: nil)
        }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(Never) -> SubnetSnapshot? {
            while await signals.next(isolation: actor) != nil {
                guard let found = await store.snapshot(pending.take(), after: last?.version) else { continue }
                let isNews = found.snapshot != last?.snapshot
                last = found
                if isNews { return found.snapshot }
            }
            return nil
        }
    }
}
