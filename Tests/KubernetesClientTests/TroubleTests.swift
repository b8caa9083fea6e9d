// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import KubernetesTesting
internal import LinuxTesting
internal import Testing

/// A server that is busy, slow, broken, or away.
@Suite(.timeLimit(.minutes(1))) struct TroubleTests {
    private let server: KubernetesServer
    private let clock = ContinuousClock()

    init() throws {
        server = try KubernetesServer()
        server.put(NodeDocument.make("a", images: 50))
    }

    @Test func `a busy server is asked again when it wants to be`() async throws {
        try await withClient(of: server) { client in
            server.inject(
                .status(429, reason: "TooManyRequests", retryAfter: 1),
                .status(503, reason: "ServiceUnavailable", retryAfter: 0),
                into: .get
            )
            let time = try await clock.measure { _ = try await client.node(named: "a") }
            #expect(time > .milliseconds(990))
            #expect(server.requests(.get).count == 3)
        }
    }

    @Test func `a server that is busy for longer, and one that does not say for how long, is told at once`()
        async throws
    {
        try await withClient(of: server) { client in
            server.inject(.status(429, reason: "TooManyRequests", retryAfter: 30), into: .get)
            let error = await #expect(throws: KubernetesError.self) { _ = try await client.node(named: "a") }
            #expect(error?.code == .unavailable)
            #expect(error?.retryAfter == .seconds(30))
            #expect(error?.message.contains("TooManyRequests") == true)
            server.inject(.status(500, reason: "InternalError"), into: .get)
            await expectFailure(.unavailable, "this is a test") { _ = try await client.node(named: "a") }
            #expect(server.requests(.get).count == 2)
            // One that is busy each time is left in the end.
            for _ in 0..<4 { server.inject(.status(429, reason: "TooManyRequests", retryAfter: 0), into: .get) }
            await expectFailure(.unavailable) { _ = try await client.node(named: "a") }
            #expect(server.requests(.get).count == 6)
        }
    }

    @Test func `each status has its meaning, and what is not the API's is told`() async throws {
        try await withClient(of: server) { client in
            let meanings: [(UInt, String, KubernetesError.Code)] = [
                (400, "BadRequest", .invalidRequest), (401, "Unauthorized", .refused), (403, "Forbidden", .forbidden),
                (409, "Conflict", .conflict), (410, "Gone", .expired), (422, "Invalid", .invalidRequest),
                (504, "Timeout", .unavailable),
            ]
            for (status, reason, code) in meanings {
                server.inject(.status(status, reason: reason), into: .get)
                await expectFailure(code, reason, server.url) { _ = try await client.node(named: "a") }
            }
            server.inject(.foreign(502), .foreign(404), into: .get)
            await expectFailure(.unavailable, "502") { _ = try await client.node(named: "a") }
            await expectFailure(.malformedAnswer, "is this the Kubernetes API?") {
                _ = try await client.node(named: "a")
            }
            for body in [
                "", "[]", "{}", "<html>", "{\"metadata\":{\"name\":\"a\"", "{\"metadata\":{\"name\":1}}", "\"x\"",
            ] {
                server.inject(.body(body), into: .get)
                await expectFailure(.malformedAnswer) { _ = try await client.node(named: "a") }
                server.inject(.body(body), into: .list)
                await expectFailure(.malformedAnswer) { _ = try await client.nodes() }
            }
        }
    }

    @Test func `a slow answer is waited for, one that breaks off or does not come is told`() async throws {
        try await withClient(of: server, { $0.requestLimit = .seconds(1) }) { client in
            server.inject(.trickle(bytes: 2000, milliseconds: 50), into: .get)
            #expect(try await client.node(named: "a") != nil)
            // A connection that is closed may have been idle too long.
            server.inject(.close, into: .get)
            #expect(try await client.node(named: "a") != nil)
            server.inject(.cut(afterBytes: 4000), .close, .silence, into: .get)
            await expectFailure(.unreachable) { _ = try await client.node(named: "a") }
            let time = await clock.measure {
                await expectFailure(.unreachable, "no answer within 1 s") { _ = try await client.node(named: "a") }
            }
            #expect(time > .milliseconds(990) && time < .seconds(10))
            #expect(try await client.node(named: "a") != nil)
            server.stop()
            // It may also be the end of the connection that is told.
            await expectFailure(.unreachable) { _ = try await client.node(named: "a") }
            try server.start()
            #expect(try await client.node(named: "a") != nil)
        }
    }

    @Test func `the kernel looks after connections that are silent`() async throws {
        try await withClient(of: server) { client in
            let watch = try await client.watchNodes(from: String(server.version))
            let sockets = try Command.run("ss", "-tnoH", "dst", String(server.url.dropFirst("http://".count)))
            #expect(sockets.contains("timer:(keepalive,"), "\(sockets)")
            withExtendedLifetime(watch) {}
        }
    }

    @Test(arguments: ["", "127.0.0.1:6443", "ftp://127.0.0.1", "https://", "https://a b", "https://u@h", "https://h?x"])
    func `what is no URL is refused`(url: String) async throws {
        await expectFailure(.configuration, url) { _ = try KubernetesClient(KubernetesClientOptions(server: url)) }
    }
}
