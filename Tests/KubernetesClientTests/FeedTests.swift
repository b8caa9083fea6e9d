// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import KubernetesTesting
internal import Synchronization
internal import Testing

/// All nodes for ever, whatever goes wrong.
@Suite(.timeLimit(.minutes(1))) struct FeedTests {
    private let server: KubernetesServer

    init() throws {
        server = try KubernetesServer()
        server.put(NodeDocument.make("a"), NodeDocument.make("b"))
    }

    /// What a consumer of a feed knows.
    private final class Picture: Sendable {
        struct State {
            var nodes: [String: Node] = [:]
            var listings = 0
            var outages: [KubernetesError.Code?] = []
        }
        private let state = Mutex(State())

        var nodes: [String: Node] { state.withLock { $0.nodes } }
        var listings: Int { state.withLock { $0.listings } }
        var outages: [KubernetesError.Code?] { state.withLock { $0.outages } }

        func apply(_ update: NodeUpdate) {
            state.withLock { state in
                if state.outages.last ?? nil != update.outage?.code { state.outages.append(update.outage?.code) }
                switch update.news {
                case .none: break
                case .all(let nodes):
                    state.listings += 1
                    state.nodes = Dictionary(uniqueKeysWithValues: nodes.map { ($0.name, $0) })
                case .changes(let events):
                    for event in events {
                        switch event {
                        case .put(let node): state.nodes[node.name] = node
                        case .delete(let node): state.nodes[node.name] = nil
                        }
                    }
                }
            }
        }
    }

    private func follow(
        _ change: (inout KubernetesClientOptions) -> Void = { _ in },
        _ body: (Picture) async throws -> Void
    ) async throws {
        let picture = Picture()
        try await withClient(of: server, change) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var feed = NodeFeed(client)
                    while let update = await feed.next() { picture.apply(update) }
                }
                defer { group.cancelAll() }
                try await body(picture)
            }
        }
    }

    private func expect(_ names: String..., in picture: Picture, _ location: SourceLocation = #_sourceLocation)
        async throws
    {
        try await eventually(sourceLocation: location) { picture.nodes.keys.sorted() == names }
    }

    @Test func `nodes are read once, and then followed`() async throws {
        try await follow { picture in
            try await expect("a", "b", in: picture)
            server.put(NodeDocument.make("c"))
            try await expect("a", "b", "c", in: picture)
            server.delete("a")
            try await expect("b", "c", in: picture)
            server.sendBookmarks()
            server.endWatches()
            server.put(NodeDocument.make("d"))
            try await expect("b", "c", "d", in: picture)
            #expect(picture.listings == 1)
            #expect(picture.outages == [])
        }
        #expect(server.requests(.list).count == 1)
    }

    @Test func `connections that are given up are made anew, and the watch goes on`() async throws {
        try await withClient(of: server) { client in
            var feed = NodeFeed(client)
            #expect(await feed.next()?.news != NodeUpdate.News.none)
            try await withThrowingTaskGroup(of: NodeUpdate?.self) { group in
                group.addTask { [feed] in
                    var feed = feed
                    while let update = await feed.next() {
                        // One that was about to be opened has failed, which is told, too.
                        if update.news != .none { return update }
                    }
                    return nil
                }
                try await eventually { server.watcherCount == 1 }
                client.reconnect()
                try await eventually { server.requests(.watch).count == 2 && server.watcherCount == 1 }
                server.put(NodeDocument.make("c"))
                guard case .changes(let events)?? = try await group.next()?.map(\.news) else {
                    Issue.record("nothing was told")
                    return
                }
                #expect(events.count == 1)
            }
            client.reconnect()
            #expect(try await client.node(named: "c") != nil)
            #expect(server.requests(.list).count == 1)
        }
    }

    @Test func `a watch goes on from its bookmark, after a cut in the middle of an event, and over a restart`()
        async throws
    {
        try await follow { picture in
            try await expect("a", "b", in: picture)
            try await eventually { server.watcherCount == 1 }
            server.restore(at: 5000)
            server.sendBookmarks()
            try await Task.sleep(for: .seconds(1))
            // Only who goes on from the bookmark can go on.
            server.compact()
            server.cutNextEvent()
            server.put(NodeDocument.make("c", images: 50))
            try await expect("a", "b", "c", in: picture)
            #expect(server.requests(.watch).last?.query["resourceVersion"] == "5000")
            server.stop()
            try await eventually { picture.outages == [.unreachable] }
            server.put(NodeDocument.make("d"))
            try server.start()
            try await expect("a", "b", "c", "d", in: picture)
            #expect(picture.outages == [.unreachable, nil])
            #expect(picture.listings == 1)
        }
    }

    @Test func `a version that is gone has the nodes read anew, and only then`() async throws {
        try await follow { picture in
            try await expect("a", "b", in: picture)
            try await eventually { server.watcherCount == 1 }
            server.tellWatchers(KubernetesServer.expiredLine)
            server.endWatches()
            try await eventually { picture.listings == 2 }
            // What happens while nobody can watch.
            server.inject(.status(410, reason: "Expired"), into: .watch)
            server.closeConnections()
            server.delete("a")
            server.put(NodeDocument.make("b", uid: "another"), NodeDocument.make("c"))
            server.compact()
            try await expect("b", "c", in: picture)
            #expect(picture.nodes["b"]?.uid == "another")
            #expect(picture.outages == [])
        }
    }

    @Test func `nodes are not read again by all at once`() async throws {
        try await follow({ $0.readingSpread = .seconds(100_000) }) { picture in
            try await expect("a", "b", in: picture)
            try await eventually { server.watcherCount == 1 }
            server.tellWatchers(KubernetesServer.expiredLine)
            try await eventually { server.watcherCount == 0 }
            try await Task.sleep(for: .milliseconds(500))
            #expect(server.requests(.list).count == 1)
        }
    }

    @Test func `a server that is busy is left alone, and none is asked without a pause`() async throws {
        for _ in 0..<2 { server.inject(.status(429, reason: "TooManyRequests", retryAfter: 1), into: .watch) }
        server.inject(.status(429, reason: "TooManyRequests", retryAfter: 6), into: .list)
        try await follow({ $0.patience = .milliseconds(500) }) { picture in
            try await eventually { picture.outages == [.unavailable] }
            try await Task.sleep(for: .seconds(4))
            #expect(server.requests.count == 1)
            try await expect("a", "b", in: picture)
            try await eventually { server.watcherCount == 1 }
            #expect(server.requests(.watch).count == 3)
            try await eventually { picture.outages.last == .some(nil) }
        }
    }

    @Test func `watches that always end at once are opened ever more rarely`() async throws {
        for _ in 0..<1000 { server.inject(.errorEvent(500, reason: "InternalError"), into: .watch) }
        try await follow { picture in
            try await expect("a", "b", in: picture)
            try await Task.sleep(for: .seconds(3))
            #expect((3...12).contains(server.requests(.watch).count))
        }
    }

    @Test func `a network that vanishes for a while is noticed, and nothing is lost`() async throws {
        let patience = { (options: inout KubernetesClientOptions) in
            options.silenceLimit = .seconds(1)
            options.requestLimit = .seconds(1)
        }
        try await follow(patience) { picture in
            try await expect("a", "b", in: picture)
            try await eventually { server.watcherCount == 1 }
            server.freeze()
            server.put(NodeDocument.make("c"))
            try await eventually { picture.outages == [.unreachable] }
            server.delete("a")
            server.thaw()
            try await expect("b", "c", in: picture)
            #expect(picture.listings == 1)
        }
    }

    @Test func `a server that was replaced by an older one is read anew`() async throws {
        try await follow { picture in
            try await expect("a", "b", in: picture)
            try await eventually { server.watcherCount == 1 }
            server.closeConnections()
            server.restore(at: 7)
            try await eventually { server.watcherCount == 1 }
            server.tellWatchers("{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}")
            server.endWatches()
            try await eventually { picture.listings == 2 }
            server.put(NodeDocument.make("c"))
            try await expect("a", "b", "c", in: picture)
        }
    }

    @Test func `a server that knows only older versions, and so tells nothing, is read anew`() async throws {
        try await follow({ $0.silenceLimit = .milliseconds(200) }) { picture in
            try await expect("a", "b", in: picture)
            server.closeConnections()
            server.restore(at: 7)
            server.delete("a")
            server.put(NodeDocument.make("c"))
            try await expect("b", "c", in: picture)
        }
    }
}
