// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTransport
internal import JSON
internal import NIOHTTP1
internal import Synchronization

/// What a watch tells at once: all events that have arrived since the last time.
public struct EtcdWatchResponse: Hashable, Sendable {
    /// The events, oldest first; empty after ``EtcdWatch/wake()``.
    public var events: [EtcdEvent]
    /// The last revision of the store of which everything was told: a watch that follows starts behind it.
    public var revision: Int64
}

/// The changes of keys, as they happen.
///
/// A watch has one consumer, and ends with its last reference. It does not go on by itself after a failure: whoever
/// keeps a picture of the keys knows whether to watch again from the next revision, or to read them all.
public final class EtcdWatch: Sendable {
    private struct State {
        /// The beginning of a line whose end has not come.
        var rest: [UInt8] = []
        /// What came along with the first message.
        var early: ResponseInbox.Contents?
        var revision: Int64
        var failure: EtcdError?
    }

    private let endpoint: String
    private let silenceLimit: Duration
    private let inbox: ResponseInbox
    private let task: HTTPClient.Task<Void>
    private let forgetToken: @Sendable () -> Void
    private let state: Mutex<State>

    init(
        _ inbox: ResponseInbox,
        _ task: HTTPClient.Task<Void>,
        endpoint: String,
        from revision: Int64,
        silenceLimit: Duration,
        forgetToken: @escaping @Sendable () -> Void
    ) {
        self.endpoint = endpoint
        self.silenceLimit = silenceLimit
        self.inbox = inbox
        self.task = task
        self.forgetToken = forgetToken
        state = Mutex(State(revision: revision - 1))
    }

    deinit { task.cancel() }

    /// Waits for changes.
    ///
    /// - Returns: Nil when the task was cancelled.
    /// - Throws: `compacted` when the keys must be read anew; else what ended the watch. After that it is of no use.
    public func next() async throws(EtcdError) -> EtcdWatchResponse? {
        while true {
            if let failure = state.withLock({ $0.failure }) { throw failure }
            guard let contents = await nextContents() else {
                if Task.isCancelled { return nil }
                throw EtcdError(.unreachable, "\(endpoint): nothing came for \(silenceLimit.components.seconds) s")
            }
            let events = absorb(contents)
            let (revision, failure) = state.withLock { ($0.revision, $0.failure) }
            if let failure, events.isEmpty { throw failure }
            if !events.isEmpty || contents.isWoken { return EtcdWatchResponse(events: events, revision: revision) }
        }
    }

    /// Makes one ``next()`` return, now or later, without any events.
    public func wake() { inbox.wake() }

    /// Waits until etcd says that it watches.
    ///
    /// - Returns: False when the token was not accepted.
    func open(within limit: Duration) async throws(EtcdError) -> Bool {
        var refusal: [UInt8] = []
        while true {
            guard let contents = await inbox.take(within: limit) else {
                throw EtcdError(.unreachable, "\(endpoint): no watch within \(limit.components.seconds) s")
            }
            if let end = failure(ending: contents), contents.bytes.isEmpty, refusal.isEmpty { throw end }
            if let status = contents.head?.status.code, status != 200 {
                refusal += contents.bytes
                guard contents.isComplete || contents.end != nil else { continue }
                let answer = GatewayAnswer(endpoint: endpoint, status: status, body: refusal)
                if answer.wantsToken { return false }
                _ = try answer.document()
            }
            var lines = state.withLock { $0.rest.takeLines(appending: contents.bytes) }[...]
            // The first message is short; one that comes in parts is waited for like one that does not come.
            guard let line = lines.popFirst() else { continue }
            let message = try Self.parse(line, from: endpoint)
            if Self.failure(in: message)?.isAboutToken == true { return false }
            _ = try interpret(message)
            let revision = try message.wireMember("result")?.wireRevision() ?? 0
            guard revision >= state.withLock({ $0.revision }) else {
                throw EtcdError(
                    .compacted,
                    "\(endpoint): the store is younger than what was read of it: it was replaced"
                )
            }
            var early = contents
            early.bytes = lines.flatMap { $0 + [UInt8(ascii: "\n")] } + state.withLock { $0.rest.takeAll() }
            state.withLock { $0.early = early }
            return true
        }
    }

    private func nextContents() async -> ResponseInbox.Contents? {
        if let early = state.withLock({ $0.early.take() }) { return early }
        return await inbox.take(within: silenceLimit)
    }

    /// How the answer ended; nil while it goes on.
    private func failure(ending contents: ResponseInbox.Contents) -> EtcdError? {
        if let end = contents.end { return EtcdError(end) }
        return contents.isComplete ? EtcdError(.unreachable, "\(endpoint): the watch ended") : nil
    }

    /// Takes in what has arrived; events before a failure are told before it.
    private func absorb(_ contents: ResponseInbox.Contents) -> [EtcdEvent] {
        state.withLock { state in
            var events: [EtcdEvent] = []
            do throws(EtcdError) {
                for line in state.rest.takeLines(appending: contents.bytes) {
                    events += try interpret(try Self.parse(line, from: endpoint))
                }
                // The last message of an answer may have no line end.
                let end = failure(ending: contents)
                if end != nil, !state.rest.isEmpty {
                    events += try interpret(try Self.parse(state.rest[...], from: endpoint))
                }
                state.failure = end
            } catch { state.failure = error }
            if let last = events.last { state.revision = last.revision }
            return events
        }
    }

    /// The events of a message.
    ///
    /// - Throws: What the message says has ended the watch; the answer itself may stay open all the same.
    private func interpret(_ message: JSONValue) throws(EtcdError) -> [EtcdEvent] {
        if let failure = Self.failure(in: message) {
            if failure.isAboutToken { forgetToken() }
            throw EtcdError(failure, endpoint: endpoint)
        }
        guard let result = message.wireMember("result") else {
            throw EtcdError(.malformedAnswer, "\(endpoint): a message of a watch without \"result\"")
        }
        if result.wireBoolean("canceled") {
            let compacted = try result.wireInteger("compact_revision")
            throw EtcdError(.compacted, "\(endpoint): revisions before \(compacted) are not kept any more")
        }
        var events: [EtcdEvent] = []
        for event in result.wireMember("events")?.array ?? [] { events.append(try EtcdEvent(wire: event)) }
        return events
    }

    /// What a message says is wrong, compaction excepted, which no text explains.
    private static func failure(in message: JSONValue) -> GatewayFailure? {
        if let failure = message.wireMember("error") {
            return GatewayFailure(failure) ?? GatewayFailure(reason: "an error without a text")
        }
        guard let result = message.wireMember("result"), result.wireBoolean("canceled"),
            result.wireMember("compact_revision") == nil
        else { return nil }
        return GatewayFailure(reason: result.wireMember("cancel_reason")?.string ?? "the watch was cancelled")
    }

    private static func parse(_ line: ArraySlice<UInt8>, from endpoint: String) throws(EtcdError) -> JSONValue {
        do { return try JSONValue(parsing: line) } catch {
            throw EtcdError(.malformedAnswer, "\(endpoint): a message of a watch is \(error)")
        }
    }
}

extension EtcdWatch: AsyncSequence {
    /// All events that have arrived since the last time.
    public typealias Element = EtcdWatchResponse
    /// What ends a watch.
    public typealias Failure = EtcdError

    /// Goes on where the watch is: two iterators share what comes.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(watch: self) }

    /// Waits for the responses of a watch.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let watch: EtcdWatch

        /// The next response; nil when the task was cancelled.
        public mutating func next() async throws(EtcdError) -> EtcdWatchResponse? { try await watch.next() }

        /// The next response; nil when the task was cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(EtcdError) -> EtcdWatchResponse? { try await watch.next() }
    }
}

extension [UInt8] {
    /// Takes everything.
    fileprivate mutating func takeAll() -> [UInt8] {
        defer { self = [] }
        return self
    }
}
