// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import Testing

/// Members that are down, that hang, and that have lost the others.
@Suite(.timeLimit(.minutes(1))) struct FailoverTests {
    private let clock = ContinuousClock()

    @Test func `a member that is down is left for the next one at once`() async throws {
        let server = try EtcdServer.started()
        let dead = "http://\(EtcdServer.randomAddress):2379"
        let patience = { (options: inout EtcdClientOptions) in
            options.connectLimit = .seconds(30)
            options.requestLimit = .seconds(30)
        }
        try await withClient([dead, "\(server.endpoint)/", dead], patience) { client in
            let time = try await clock.measure { try await client.put("/a", [1]) }
            #expect(time < .seconds(25))
            let watch = try await client.watch(.prefix("/"), from: 1)
            #expect(try await watch.next()?.events.count == 1)
        }
        try await withClient([dead, "http://no-such-host.invalid:2379"]) { client in
            await expectFailure(.unreachable, dead, "connection refused", "no-such-host.invalid") {
                try await client.put("/a", [1])
            }
        }
    }

    @Test func `a member that hangs is left in time, and then not asked first any more`() async throws {
        let hanging = try EtcdServer.started()
        let server = try EtcdServer.started()
        try hanging.freeze()
        let endpoints = [hanging.endpoint, server.endpoint]
        // A disk that is busy makes a member that is well slow, too.
        try await withClient(endpoints, { $0.requestLimit = .seconds(2) }) { client in
            let first = try await clock.measure { try await client.put("/a", [1]) }
            #expect(first > .milliseconds(1990) && first < .seconds(25))
            for _ in 0..<5 {
                let next = try await clock.measure { try await client.put("/a", [1]) }
                #expect(next < .milliseconds(1990))
            }
        }
        try await withClient(endpoints, { $0.requestLimit = .seconds(2) }) { client in
            let watch = try await client.watch(.prefix("/"), from: 1)
            #expect(try await watch.next()?.events.isEmpty == false)
        }
        try await withClient([hanging.endpoint], { $0.requestLimit = .milliseconds(400) }) { client in
            await expectFailure(.unreachable, "no answer") { try await client.put("/a", [1]) }
            await expectFailure(.unreachable, "no watch") { _ = try await client.watch(.prefix("/"), from: 1) }
        }
        try hanging.thaw()
    }

    @Test func `one of three members may fail; of two that are lost the third tells`() async throws {
        let servers = try EtcdServer.startedCluster()
        try await withClient(servers.map(\.endpoint)) { client in
            let revision = try await client.put("/a", [1])
            let watch = try await client.watch(.prefix("/a"), from: revision)
            #expect(try await watch.next()?.events.count == 1)
            servers[0].kill()
            await expectFailure(.unreachable) { _ = try await watch.next() }
            // The others may have to choose a leader first.
            let second = try await client.watch(.prefix("/a"), from: revision + 1)
            try await client.put("/a", [2])
            #expect(try await second.next()?.events.count == 1)
            // The second is the one that is asked now.
            servers[2].kill()
            await expectFailure(.unavailable, "no leader") {
                while let response = try await second.next() { #expect(response.events.isEmpty) }
            }
        }
        // etcd itself takes seven seconds to say so, and nobody waits that long.
        try await withClient([servers[1].endpoint], { $0.requestLimit = .seconds(1) }) { client in
            await expectFailure(.unreachable, "no answer within 1 s") { try await client.put("/a", [3]) }
        }
    }

    @Test func `a server without the gateway, and one that is none, are told`() async throws {
        var options = EtcdServer.Options()
        options.arguments = ["--enable-grpc-gateway=false"]
        let server = try EtcdServer.started(options)
        try await withClient([server.endpoint]) { client in
            await expectFailure(.malformedAnswer, "--enable-grpc-gateway") { try await client.put("/a", []) }
            await expectFailure(.malformedAnswer, "--enable-grpc-gateway") {
                _ = try await client.watch(.prefix("/a"), from: 1)
            }
        }
    }

    @Test(arguments: ["", "127.0.0.1:2379", "ftp://127.0.0.1", "http://", "https://a b"])
    func `what is no endpoint is refused`(endpoint: String) async throws {
        await expectFailure(.configuration, endpoint) { try await withClient([endpoint]) { _ in } }
    }

    @Test func `no endpoint at all is refused`() async throws {
        await expectFailure(.configuration) { try await withClient([]) { _ in } }
    }
}
