// swift-cni, SPDX-License-Identifier: Apache-2.0

public import AsyncHTTPClient
public import NIOCore
public import NIOHTTP1
internal import Synchronization

/// What has arrived of an answer without an end and was not taken yet.
///
/// Everything that arrives before it is taken is taken at once: a burst costs its consumer one round. When more than a
/// limit waits to be taken, nothing more is read from the connection.
public final class ResponseInbox: HTTPClientResponseDelegate {
    /// What was taken.
    public struct Contents: Sendable {
        /// The head of the answer; nil until it is there.
        public var head: HTTPResponseHead?
        /// What has come of the body since the last time.
        public var bytes: [UInt8] = []
        /// How the answer ended; nil while it goes on.
        public var end: TransportFailure?
        /// Whether somebody wants the consumer to look, whatever has come.
        public var isWoken = false
        /// Whether the answer came to its regular end.
        public var isComplete = false
        /// When something of the answer arrived last, or the wait for it began.
        fileprivate var lastArrival = ContinuousClock.now

        fileprivate var isNews = false
    }

    private struct State {
        var contents = Contents()
        /// What lets the connection be read on.
        var suspended: EventLoopPromise<Void>?
    }

    private let endpoint: String
    private let limit: Int
    private let state = Mutex(State())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    /// An inbox for the answer of an endpoint, which complaints name.
    ///
    /// - Parameter limit: How many bytes may wait to be taken before the connection is not read any more.
    public init(endpoint: String, limit: Int = 1 << 20) {
        self.endpoint = endpoint
        self.limit = limit
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    deinit { state.withLock { $0.suspended.take() }?.succeed() }

    /// Takes what has arrived, and waits when there is nothing.
    ///
    /// - Parameter limit: How long the answer may be silent; to be woken does not count as an answer.
    /// - Returns: Nil when it was, or when the task was cancelled.
    public func take(within limit: Duration) async -> Contents? {
        while true {
            let (taken, suspended) = state.withLock { state in
                defer {
                    state.contents.bytes = []
                    state.contents.isWoken = false
                    state.contents.isNews = state.contents.end != nil || state.contents.isComplete
                }
                return (state.contents, state.suspended.take())
            }
            suspended?.succeed()
            if taken.isNews { return taken }
            guard await isSignalled(until: taken.lastArrival + limit) else { return nil }
        }
    }

    /// Makes one ``take(within:)`` return, now or later, whatever has come.
    public func wake() { change { $0.isWoken = true } }

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
        state.withLock {
            body(&$0.contents)
            $0.contents.isNews = true
        }
        signal.yield()
    }

    /// Notes the head.
    public func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        change {
            $0.head = head
            $0.lastArrival = .now
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    /// Notes a part of the body.
    public func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let suspension = state.withLock { state -> EventLoopPromise<Void>? in
            state.contents.bytes += buffer.readableBytesView
            state.contents.lastArrival = .now
            state.contents.isNews = true
            if state.contents.bytes.count > limit {
                state.suspended = state.suspended ?? task.eventLoop.makePromise()
            }
            return state.suspended
        }
        signal.yield()
        return suspension?.futureResult ?? task.eventLoop.makeSucceededVoidFuture()
    }

    /// Notes that the answer broke off.
    public func didReceiveError(task: HTTPClient.Task<Void>, _ error: any Error) {
        let failure = TransportFailure(error, endpoint: endpoint)
        change { $0.end = failure }
        state.withLock { $0.suspended.take() }?.succeed()
    }

    /// Notes that the answer is complete.
    public func didFinishRequest(task: HTTPClient.Task<Void>) { change { $0.isComplete = true } }
}
