// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// What has arrived of a watch's answer and was not taken yet.
///
/// Everything that arrives before it is taken is taken at once: a burst of events costs its consumer one round.
final class WatchInbox: HTTPClientResponseDelegate {
    /// What was taken.
    struct Contents: Sendable {
        var status: UInt?
        var bytes: [UInt8] = []
        /// How the answer ended; nil while it goes on.
        var end: EtcdError?
        var isWoken = false
        /// When something of the answer arrived last, or the wait for it began.
        fileprivate var lastArrival = ContinuousClock.now

        /// Whether there is nothing to tell.
        fileprivate var isIdle: Bool { bytes.isEmpty && end == nil && !isWoken }
    }

    private let endpoint: String
    private let contents = Mutex(Contents())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(endpoint: String) {
        self.endpoint = endpoint
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes what has arrived, and waits when there is nothing.
    ///
    /// - Parameter limit: How long the answer may be silent; to be woken does not count as an answer.
    /// - Returns: Nil when it was, or when the task was cancelled; then nothing is told any more.
    func take(within limit: Duration) async -> Contents? {
        while true {
            let taken = contents.withLock { contents in
                let taken = contents
                if !contents.isIdle {
                    contents.bytes = []
                    contents.isWoken = false
                }
                return taken
            }
            if !taken.isIdle { return taken }
            guard await isSignalled(until: taken.lastArrival + limit) else { return nil }
        }
    }

    /// Puts something back in front of what has arrived since.
    func giveBack(_ taken: Contents) {
        change {
            $0.bytes = taken.bytes + $0.bytes
            $0.end = $0.end ?? taken.end
        }
    }

    /// Makes one ``take(within:)`` return, now or later, without any contents.
    func wake() { change { $0.isWoken = true } }

    private func isSignalled(until end: ContinuousClock.Instant) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { [signals] in
                for await _ in signals { return true }
                return false
            }
            group.addTask {
                try? await Task.sleep(until: end, clock: .continuous)
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
    }

    private func change(_ body: (inout Contents) -> Void) {
        contents.withLock { body(&$0) }
        signal.yield()
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        contents.withLock { $0.status = head.status.code }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        change {
            $0.bytes += buffer.readableBytesView
            $0.lastArrival = .now
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveError(task: HTTPClient.Task<Void>, _ error: any Error) {
        let failure = EtcdError(transport: error, endpoint: endpoint)
        change { $0.end = failure }
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) {
        change { $0.end = EtcdError(.unreachable, "\(endpoint): the watch ended") }
    }
}
