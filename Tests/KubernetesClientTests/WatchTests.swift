// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import KubernetesClient
internal import KubernetesTesting
internal import Testing

/// One watch, from its beginning to its end.
@Suite(.timeLimit(.minutes(1))) struct WatchTests {
    private let server: KubernetesServer
    private let clock = ContinuousClock()

    init() throws {
        server = try KubernetesServer()
        server.put(NodeDocument.make("a", podCIDRs: ["10.244.1.0/24"], images: 50))
    }

    private var version: String { String(server.version) }

    @Test func `changes are told in their order, with what came before the watch`() async throws {
        try await withClient(of: server) { client in
            let start = version
            server.put(NodeDocument.make("b", images: 50))
            let watch = try await client.watchNodes(from: start)
            server.patch("a", with: ["metadata": ["annotations": ["\(prefix)x": "1"]]])
            server.delete("b")
            var events: [NodeEvent] = []
            while events.count < 3, let response = try await watch.next() {
                events += response.events
                if events.count == 3 { #expect(response.resourceVersion == version) }
            }
            guard case (.put(let made), .put(let changed), .delete(let gone)) = (events[0], events[1], events[2]) else {
                Issue.record("\(events)")
                return
            }
            #expect((made.name, changed.name, gone.name) == ("b", "a", "b"))
            #expect(changed.annotations == ["x": "1"])
            #expect(changed.podCIDRs == ["10.244.1.0/24"])
        }
    }

    @Test func `a bookmark moves a watch on without an event`() async throws {
        try await withClient(of: server) { client in
            let start = version
            let watch = try await client.watchNodes(from: start)
            server.restore(at: server.version + 500)
            server.sendBookmarks()
            let response = try #require(try await watch.next())
            #expect(response.events.isEmpty)
            #expect(response.resourceVersion == version)
        }
    }

    @Test func `events before an end are told before it`() async throws {
        try await withClient(of: server) { client in
            let watch = try await client.watchNodes(from: version)
            server.put(NodeDocument.make("b", images: 50))
            server.cutNextEvent()
            server.put(NodeDocument.make("c", images: 50))
            #expect(try await watch.next()?.events.count == 1)
            await expectFailure(.unreachable) { _ = try await watch.next() }
            await expectFailure(.unreachable) { _ = try await watch.next() }
            let second = try await client.watchNodes(from: version)
            server.endWatches()
            await expectFailure(.unreachable, "has ended") { _ = try await second.next() }
        }
    }

    @Test func `a watch ends when it asked to, within its range`() async throws {
        try await withClient(of: server, { $0.watchDuration = 1...2 }) { client in
            let time = try await clock.measure {
                let watch = try await client.watchNodes(from: version)
                await expectFailure(.unreachable, "has ended") { _ = try await watch.next() }
            }
            #expect(time > .milliseconds(990) && time < .seconds(10))
        }
    }

    @Test func `a version that is gone is told, however the server says so`() async throws {
        try await withClient(of: server) { client in
            let old = version
            server.put(NodeDocument.make("b"))
            server.compact()
            let watch = try await client.watchNodes(from: old)
            await expectFailure(.expired, "too old resource version") { _ = try await watch.next() }
            server.inject(.status(410, reason: "Expired"), .errorEvent(410, reason: "Gone"), into: .watch)
            await expectFailure(.expired) { _ = try await client.watchNodes(from: version) }
            let third = try await client.watchNodes(from: version)
            await expectFailure(.expired) { _ = try await third.next() }
            let fourth = try await client.watchNodes(from: version)
            server.tellWatchers(KubernetesServer.expiredLine)
            await expectFailure(.expired) { _ = try await fourth.next() }
            // The server has been replaced by a copy of before.
            let fifth = try await client.watchNodes(from: version)
            server.tellWatchers("{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"3\"}}}")
            await expectFailure(.expired, "version 3 came after") { _ = try await fifth.next() }
        }
    }

    @Test func `a watch that is refused, silent, or nonsense is told`() async throws {
        let patience = { (options: inout KubernetesClientOptions) in
            options.requestLimit = .seconds(1)
            options.silenceLimit = .seconds(1)
        }
        try await withClient(of: server, patience) { client in
            server.inject(
                .status(429, reason: "TooManyRequests", retryAfter: 7),
                .foreign(503),
                .silence,
                .close,
                .close,
                .errorEvent(500, reason: "InternalError"),
                into: .watch
            )
            let error = await #expect(throws: KubernetesError.self) { _ = try await client.watchNodes(from: version) }
            #expect(error?.code == .unavailable)
            #expect(error?.retryAfter == .seconds(7))
            await expectFailure(.unavailable, "503") { _ = try await client.watchNodes(from: version) }
            await expectFailure(.unreachable, "no watch within 1 s") { _ = try await client.watchNodes(from: version) }
            await expectFailure(.unreachable) { _ = try await client.watchNodes(from: version) }
            let failing = try await client.watchNodes(from: version)
            await expectFailure(.unavailable, "InternalError") { _ = try await failing.next() }
            let silent = try await client.watchNodes(from: version)
            await expectFailure(.unreachable, "nothing came for 1 s") { _ = try await silent.next() }
            for line in ["{", "{}", "{\"type\":\"NEWS\",\"object\":{}}", "{\"type\":\"ADDED\",\"object\":{}}", "null"] {
                let watch = try await client.watchNodes(from: version)
                server.tellWatchers(line)
                await expectFailure(.malformedAnswer) { _ = try await watch.next() }
            }
        }
    }

    @Test func `a consumer that is slow holds the server up, and misses nothing`() async throws {
        try await withClient(of: server) { client in
            let watch = try await client.watchNodes(from: version)
            server.put((0..<600).map { NodeDocument.make("node-\($0)", images: 50) })
            try await Task.sleep(for: .seconds(1))
            var names: Set<String> = []
            var rounds = 0
            while names.count < 600, let response = try await watch.next() {
                rounds += 1
                for case .put(let node) in response.events { names.insert(node.name) }
            }
            #expect(names.count == 600)
            // All at once would be eight megabytes in one round.
            #expect(rounds > 3)
        }
    }
}
