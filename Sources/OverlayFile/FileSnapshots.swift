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
        private var signals: AsyncStream<Void>.Iterator
        private var last: SubnetSnapshot?

        init(_ store: FileSubnetStore) {
            self.store = store
            signals = Self.signals(of: store).makeAsyncIterator()
        }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next() async -> SubnetSnapshot? {
            await next(isolation: nil)
        }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(Never) -> SubnetSnapshot? {
            while await signals.next(isolation: actor) != nil {
                let snapshot = await store.snapshot()
                if snapshot == last { continue }
                last = snapshot
                return snapshot
            }
            return nil
        }

        /// One signal at once, one after each change, and one when nothing was told for the poll period.
        ///
        /// Signals that nobody takes are one: the whole directory is looked at anyway.
        private static func signals(of store: FileSubnetStore) -> AsyncStream<Void> {
            let options = store.options
            return AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
                let watchUntilTerminated: @Sendable () -> Void = {
                    let watch = try? DirectoryWatch.open()
                    repeat {
                        // Watched before it is looked at: a change between the two is told.
                        let subnets = "\(options.directory)/subnets"
                        var isWatched = (try? watch?.watch(subnets)) != nil
                        // What is not there yet will be told by the directory that it is made in.
                        if !isWatched, (try? watch?.watch(options.directory)) != nil {
                            isWatched = (try? watch?.watch(subnets)) != nil
                        }
                        if case .terminated = continuation.yield() { return }
                        let period = Deadline.after(
                            isWatched ? options.pollPeriod : Swift.min(options.pollPeriod, .seconds(1))
                        )
                        if (try? watch?.waitForChange(until: period)) == nil { period.wait() }
                    } while true
                }
                do throws(OverlayError) { try startThread(watchUntilTerminated) } catch {
                    // Without a thread nothing can be waited for: the consumer sees the end and starts anew.
                    continuation.finish()
                }
            }
        }
    }
}
