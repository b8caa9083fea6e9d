// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTransport
internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// What a watch tells at once: all events that have arrived since the last time.
public struct NodeWatchResponse: Hashable, Sendable {
    /// The events, oldest first; empty when there was only a bookmark, and after ``NodeWatch/wake()``.
    public var events: [NodeEvent]
    /// Up to where everything was told: a watch that follows starts there.
    public var resourceVersion: String
}

/// The changes of nodes, as they happen.
///
/// A watch has one consumer, and ends with its last reference. It does not go on by itself: see ``NodeFeed``.
public final class NodeWatch: Sendable {
    private struct State {
        /// The beginning of a line whose end has not come.
        var rest: [UInt8] = []
        /// What came along with the answer's head.
        var early: ResponseInbox.Contents?
        var resourceVersion: String
        var failure: KubernetesError?
    }

    /// The longest line; an object is limited to 1.5 MB by what stores it.
    private static var maximumLine: Int { 16 << 20 }

    private let options: KubernetesClientOptions
    private let inbox: ResponseInbox
    private let task: HTTPClient.Task<Void>
    private let state: Mutex<State>

    init(
        _ inbox: ResponseInbox,
        _ task: HTTPClient.Task<Void>,
        from version: String,
        _ options: KubernetesClientOptions
    ) {
        self.options = options
        self.inbox = inbox
        self.task = task
        state = Mutex(State(resourceVersion: version))
    }

    deinit { task.cancel() }

    /// Waits for changes.
    ///
    /// - Returns: Nil when the task was cancelled.
    /// - Throws: `expired` when the nodes must be read anew; else what ended the watch, which may be its time. After that
    ///   it is of no use.
    public func next() async throws(KubernetesError) -> NodeWatchResponse? {
        while true {
            if let failure = state.withLock({ $0.failure }) { throw failure }
            guard let contents = await nextContents() else {
                if Task.isCancelled { return nil }
                let seconds = options.silenceLimit.components.seconds
                throw KubernetesError(.unreachable, "\(options.server): nothing came for \(seconds) s")
            }
            let before = state.withLock { $0.resourceVersion }
            let events = absorb(contents)
            let (version, failure) = state.withLock { ($0.resourceVersion, $0.failure) }
            if let failure, events.isEmpty { throw failure }
            if !events.isEmpty || version != before || contents.isWoken {
                return NodeWatchResponse(events: events, resourceVersion: version)
            }
        }
    }

    /// Makes one ``next()`` return, now or later, whether there are events or not.
    public func wake() { inbox.wake() }

    /// Waits until the server says that it watches.
    func open(within limit: Duration) async throws(KubernetesError) {
        var body: [UInt8] = []
        while true {
            guard let contents = await inbox.take(within: limit) else {
                throw KubernetesError(.unreachable, "\(options.server): no watch within \(limit.components.seconds) s")
            }
            if let end = contents.end { throw KubernetesError(end) }
            guard let head = contents.head else { continue }
            if head.status == .ok {
                state.withLock { $0.early = contents }
                return
            }
            body += contents.bytes
            guard contents.isComplete || body.count > Self.maximumLine else { continue }
            throw KubernetesError(
                status: head.status.code,
                headers: head.headers,
                body: body,
                endpoint: options.server
            )
        }
    }

    private func nextContents() async -> ResponseInbox.Contents? {
        if let early = state.withLock({ $0.early.take() }) { return early }
        return await inbox.take(within: options.silenceLimit)
    }

    /// Takes in what has arrived; events before a failure are told before it.
    private func absorb(_ contents: ResponseInbox.Contents) -> [NodeEvent] {
        state.withLock { state in
            var events: [NodeEvent] = []
            do throws(KubernetesError) {
                for line in state.rest.takeLines(appending: contents.bytes) {
                    if let event = try interpret(Array(line), &state) { events.append(event) }
                }
                if state.rest.count > Self.maximumLine {
                    throw KubernetesError(.malformedAnswer, "\(options.server): an event of a watch has no end")
                }
                if let end = contents.end { throw KubernetesError(end) }
                if contents.isComplete {
                    throw KubernetesError(.unreachable, "\(options.server): the watch has ended")
                }
            } catch { state.failure = error }
            return events
        }
    }

    /// The event of a message, if it is one.
    ///
    /// - Throws: What the message says has ended the watch; the answer itself may stay open all the same.
    private func interpret(_ line: [UInt8], _ state: inout State) throws(KubernetesError) -> NodeEvent? {
        let message: WatchMessage
        do throws(JSONError) {
            message = try WatchMessage(line, annotationPrefix: options.annotationPrefix)
        } catch {
            throw KubernetesError(.malformedAnswer, "\(options.server): a message of a watch is \(error)")
        }
        switch message {
        case .event(let event):
            try advance(to: event.node.resourceVersion, &state)
            return event
        case .bookmark(let version):
            try advance(to: version, &state)
            return nil
        case .failure(let status): throw KubernetesError(statusDocument: status, endpoint: options.server)
        }
    }

    /// Notes up to where everything was told.
    ///
    /// - Throws: `expired` when that is before what was told already: another server has taken the place of the first,
    ///   and nobody knows what it lacks.
    private func advance(to version: String, _ state: inout State) throws(KubernetesError) {
        if let new = UInt64(version), let known = UInt64(state.resourceVersion), new < known {
            throw KubernetesError(
                .expired,
                "\(options.server): version \(new) came after \(known): what the server knows was replaced"
            )
        }
        state.resourceVersion = version
    }
}

extension NodeEvent {
    /// The node that it is about.
    fileprivate var node: Node {
        switch self {
        case .put(let node), .delete(let node): node
        }
    }
}
