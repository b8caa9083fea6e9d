// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What there is to know of the nodes since the last time.
public struct NodeUpdate: Hashable, Sendable {
    /// What has happened to the nodes.
    public enum News: Hashable, Sendable {
        /// Nothing.
        case none
        /// These are all nodes; whatever else was known is gone.
        case all([Node])
        /// These have changed, oldest first; the same node may be there several times.
        case changes([NodeEvent])
    }

    /// What has happened.
    public var news: News
    /// Why the API cannot be asked; nil when it can.
    public var outage: KubernetesError?
}

/// All nodes, for ever: reads them, then watches from there, goes on where a watch has ended, and begins again when it
/// has to.
///
/// It keeps no nodes, only up to where everything was told.
public struct NodeFeed: Sendable {
    /// Makes a feed return that waits for something new.
    public final class Alarm: Sendable {
        private struct State {
            weak var watch: NodeWatch?
            var isRung = false
        }

        private let state = Mutex(State())

        /// Makes one ``NodeFeed/next()`` return, now or later, even without any news.
        public func ring() {
            let watch = state.withLock { state in
                state.isRung = true
                return state.watch
            }
            watch?.wake()
        }

        fileprivate func watch(_ watch: NodeWatch) { state.withLock { $0.watch = watch } }

        fileprivate func reset() -> Bool {
            state.withLock { state in
                defer { state.isRung = false }
                return state.isRung
            }
        }
    }

    private enum Phase {
        case reading
        case opening
        case watching(NodeWatch, since: ContinuousClock.Instant, from: String)
    }

    /// What makes the feed return.
    public let alarm = Alarm()
    private let client: KubernetesClient
    private var phase = Phase.reading
    private var version = ""
    /// How many nodes there were when they were read last.
    private var nodeCount = 0
    /// How often it went wrong since it last went well.
    private var failures = 0
    /// How many watches in a row have told nothing, not even that there is nothing to tell.
    private var silentWatches = 0
    private var retryAfter = Duration.zero
    private var outage: KubernetesError?

    /// A feed from a client, which is asked as long as ``next()`` is called.
    public init(_ client: KubernetesClient) { self.client = client }

    /// Waits for something new.
    ///
    /// - Returns: Nil when the task was cancelled.
    public mutating func next() async -> NodeUpdate? {
        while !Task.isCancelled {
            let before = outage
            var news = NodeUpdate.News.none
            do throws(KubernetesError) { news = try await step() } catch {
                if Task.isCancelled { return nil }
                note(error)
            }
            if alarm.reset() || news != .none || outage?.code != before?.code {
                return NodeUpdate(news: news, outage: outage)
            }
        }
        return nil
    }

    /// Does the next thing to do.
    private mutating func step() async throws(KubernetesError) -> NodeUpdate.News {
        switch phase {
        case .reading:
            await pause()
            let listing = try await client.nodes()
            (version, nodeCount) = (listing.resourceVersion, listing.nodes.count)
            recover()
            phase = .opening
            return .all(listing.nodes)
        case .opening:
            await pause()
            let watch = try await client.watchNodes(from: version)
            alarm.watch(watch)
            phase = .watching(watch, since: .now, from: version)
            recover()
            return .none
        case .watching(let watch, _, _):
            guard let response = try await watch.next() else { return .none }
            version = response.resourceVersion
            if !response.events.isEmpty { failures = 0 }
            return response.events.isEmpty ? .none : .changes(response.events)
        }
    }

    /// Notes that the API answers again.
    private mutating func recover() {
        if outage != nil { failures = 0 }
        (outage, retryAfter) = (nil, .zero)
    }

    /// Decides how to go on after a failure.
    private mutating func note(_ error: KubernetesError) {
        retryAfter = error.retryAfter ?? .zero
        switch phase {
        case _ where error.code == .expired:
            // Only nodes that are read again tell what has happened in between. Once is no fault of anybody.
            phase = .reading
            failures += 1
        case .watching(_, let start, let first):
            // A watch may end for no reason that matters; whether there is an outage shows when it is opened again. One that
            // always ends at once is not opened again at once.
            phase = .opening
            let time = start.duration(to: .now)
            failures = time > .seconds(1) ? 0 : failures + 1
            silentWatches = version == first && time >= client.options.silenceLimit ? silentWatches + 1 : 0
            // What cannot be read now could not be read again either; and a server whose store was replaced by an older one
            // has nothing to tell of a version that is yet to come.
            if error.code == .malformedAnswer || silentWatches > 1 { (phase, silentWatches) = (.reading, 0) }
        case .reading, .opening:
            outage = error
            failures += 1
        }
    }

    /// Waits before something is tried again: as long as the server has asked for; else 0.2 s, 0.4 s, and so on up to 10 s.
    ///
    /// Up to a half of it less, so that nodes that lost the API together do not come back together. Where all nodes are read
    /// again, it is longer the more there are: after a restart of the server each of them has to.
    private func pause() async {
        guard failures > 0 else { return }
        let milliseconds = min(10_000, 100 << min(failures, 10))
        let delay = Duration.milliseconds(Int.random(in: milliseconds / 2...milliseconds))
        var spread = Duration.zero
        if case .reading = phase { spread = client.options.readingSpread * nodeCount * Double.random(in: 0...1) }
        try? await Task.sleep(for: max(delay, min(retryAfter, .seconds(60)).spread) + spread)
    }
}
