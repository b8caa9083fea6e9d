// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import Testing

/// Keys, transactions, leases and watches against one member.
@Suite(.timeLimit(.minutes(1))) struct KeyValueTests {
    private let server: EtcdServer

    init() throws { server = try EtcdServer.started() }

    @Test func `keys are written, read, found by prefix, and deleted`() async throws {
        try await withClient([server.endpoint]) { client in
            #expect(try await client.entry("/a/1") == nil)
            let revision = try await client.put("/a/1", Array("one".utf8))
            try await client.put("/a/2", [0, 255, 10, 0])
            try await client.put("/b", [])
            let listing = try await client.list(.prefix("/a"))
            #expect(listing.revision == revision + 2)
            #expect(listing.entries.map(\.key) == ["/a/1", "/a/2"])
            #expect(listing.entries.map(\.value) == [Array("one".utf8), [0, 255, 10, 0]])
            #expect(listing.entries.first?.modRevision == revision)
            #expect(try server.control("get", "/a/1") == "/a/1\none\n")
            #expect(try await client.entry("/b")?.value == [])
            #expect(try await client.delete(.prefix("/a/")) == 2)
            #expect(try await client.delete(.prefix("/a/")) == 0)
            #expect(try await client.list(.prefix("/")).entries.map(\.key) == ["/b"])
        }
    }

    @Test func `a listing that is read in parts shows one moment`() async throws {
        let keys = (10..<35).map { "/a/\($0)" }
        func write(_ value: UInt8, _ client: EtcdClient) async throws -> Int64 {
            let puts = keys.map { EtcdOperation.put(key: $0, value: [value], lease: 0) }
            return try await client.transact(if: [], then: puts).revision
        }
        try await withClient([server.endpoint], { $0.pageSize = 2 }) { client in
            _ = try await write(0, client)
            let writing = Task {
                // The store is compacted behind each listing, too.
                for round in UInt8(1)...200 {
                    try Task.checkCancellation()
                    let revision = try await write(round, client)
                    if round % 50 == 0 { try server.control("compact", "\(revision)") }
                }
            }
            var values: Set<[UInt8]> = []
            for _ in 0..<20 {
                let listing = try await client.list(.prefix("/a/"))
                #expect(listing.entries.map(\.key) == keys)
                #expect(Set(listing.entries.map(\.value)).count == 1)
                #expect(listing.entries.allSatisfy { $0.modRevision <= listing.revision })
                values.formUnion(listing.entries.map(\.value))
            }
            writing.cancel()
            _ = try? await writing.value
            #expect(values.count > 1)
        }
    }

    @Test func `of two that create a key one succeeds, and the other sees what it wrote`() async throws {
        try await withClient([server.endpoint]) { client in
            func create(_ value: UInt8) async throws -> EtcdOutcome {
                try await client.transact(
                    if: [.isAbsent("/k")],
                    then: [.put(key: "/k", value: [value], lease: 0), .list(.prefix("/"))],
                    else: [.list(.key("/k")), .list(.key("/none"))]
                )
            }
            let first = try await create(1)
            #expect(first.hasSucceeded)
            #expect(first.listings.map { $0.map(\.value) } == [[[1]]])
            let second = try await create(2)
            #expect(!second.hasSucceeded)
            #expect(second.listings.map { $0.map(\.value) } == [[[1]], []])
            let revision = try #require(second.listings.first?.first?.modRevision)
            #expect(revision == first.revision)

            let write = [EtcdOperation.put(key: "/k", value: [3], lease: 0)]
            #expect(try await client.transact(if: [.isUnchanged("/k", since: revision)], then: write).hasSucceeded)
            #expect(try await !client.transact(if: [.isUnchanged("/k", since: revision)], then: write).hasSucceeded)
            let removal = try await client.transact(if: [], then: [.delete(.key("/k"))])
            #expect(removal.hasSucceeded)
            #expect(try await client.entry("/k") == nil)
        }
    }

    @Test func `a lease is granted, kept alive, and takes its keys along`() async throws {
        try await withClient([server.endpoint]) { client in
            let lease = try await client.grantLease(id: 4711, seconds: 100)
            #expect(lease.id == 4711 && lease.timeToLive == 100)
            await expectFailure(.invalidRequest, "exists") { _ = try await client.grantLease(id: 4711, seconds: 1) }
            #expect(try await client.grantLease(seconds: 100).id != 0)
            try await client.put("/k", [1], lease: 4711)
            #expect(try await client.entry("/k")?.lease == 4711)
            #expect(try await client.keepLeaseAlive(4711) == 100)
            #expect((99...100).contains(try await client.remainingTime(ofLease: 4711) ?? -1))
            try await client.revokeLease(4711)
            #expect(try await client.entry("/k") == nil)
            #expect(try await client.remainingTime(ofLease: 4711) == nil)
            await expectFailure(.notFound, "4711") { try await client.keepLeaseAlive(4711) }
            await expectFailure(.notFound) { try await client.revokeLease(4711) }
            await expectFailure(.notFound) { try await client.put("/k", [1], lease: 4711) }
        }
    }

    @Test func `a watch tells what happened since a revision and what happens now`() async throws {
        try await withClient([server.endpoint]) { client in
            let start = try await client.put("/a", [1])
            try await client.put("/b", [1])
            try await client.put("/a", [2])
            let watch = try await client.watch(.prefix("/a"), from: start)
            let history = try await watch.next()
            #expect(history?.events.count == 2)
            #expect(history?.revision == start + 2)
            try await client.put("/ab", [3])
            guard case .put(let entry)? = try await watch.next()?.events.first else {
                Issue.record("no event")
                return
            }
            #expect(entry.key == "/ab" && entry.value == [3])
            try await client.delete(.key("/a"))
            #expect(try await watch.next()?.events == [.delete(key: "/a", modRevision: start + 4)])
            // A value that no chunk of the answer holds.
            let large = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try await client.put("/a", large)
            guard case .put(let entry)? = try await watch.next()?.events.first else {
                Issue.record("no event")
                return
            }
            #expect(entry.value == large)
            watch.wake()
            #expect(try await watch.next()?.events == [])
            _ = try await client.grantLease(id: 5, seconds: 1)
            try await client.put("/a", [], lease: 5)
            #expect(try await watch.next()?.events.count == 1)
            #expect(try await watch.next()?.events.count == 1)
        }
    }

    @Test func `what happens while nobody looks is told at once`() async throws {
        try await withClient([server.endpoint]) { client in
            let start = try await client.put("/a/0", [0])
            let watch = try await client.watch(.prefix("/a"), from: start + 1)
            for number in 1...200 { try await client.put("/a/\(number)", [1]) }
            try await Task.sleep(for: .milliseconds(100))
            let response = try await watch.next()
            #expect(response?.events.count == 200)
            #expect(response?.revision == start + 200)
        }
    }

    @Test func `a revision that is not kept, or is not there yet, is told`() async throws {
        try await withClient([server.endpoint]) { client in
            let first = try await client.put("/a", [0])
            var last = first
            for _ in 0..<5 { last = try await client.put("/a", [1]) }
            try server.control("compact", "\(last)")
            await expectFailure(.compacted, "\(last)") {
                let watch = try await client.watch(.prefix("/a"), from: first)
                _ = try await watch.next()
            }
            await expectFailure(.compacted, "replaced") { _ = try await client.watch(.prefix("/a"), from: last + 10) }
            _ = try await client.watch(.prefix("/a"), from: last + 1)
        }
    }

    @Test func `a killed server ends a watch at once, and a silent one in time`() async throws {
        try await withClient([server.endpoint], { $0.silenceLimit = .milliseconds(300) }) { client in
            let watch = try await client.watch(.prefix("/a"), from: 1)
            await expectFailure(.unreachable, "nothing came") { _ = try await watch.next() }
            // To be woken is no sign of the server's.
            let woken = try await client.watch(.prefix("/a"), from: 1)
            let waking = Task {
                while !Task.isCancelled {
                    woken.wake()
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            await expectFailure(.unreachable, "nothing came") {
                while let response = try await woken.next() { #expect(response.events.isEmpty) }
            }
            waking.cancel()
        }
        try await withClient([server.endpoint]) { client in
            let watch = try await client.watch(.prefix("/a"), from: 1)
            server.kill()
            await expectFailure(.unreachable) { _ = try await watch.next() }
            let clock = ContinuousClock()
            let time = await clock.measure {
                await expectFailure(.unreachable, "connection refused", server.endpoint) {
                    try await client.put("/a", [])
                }
            }
            #expect(time < .seconds(1))
        }
    }

    @Test func `giving up all connections ends watches at once, and new ones are made`() async throws {
        try await withClient([server.endpoint]) { client in
            for round in UInt8(1)...3 {
                let revision = try await client.put("/a", [round])
                let watch = try await client.watch(.prefix("/a"), from: revision)
                #expect(try await watch.next()?.events.count == 1)
                client.reconnect()
                let time = await ContinuousClock().measure {
                    await expectFailure(.unreachable) { _ = try await watch.next() }
                }
                #expect(time < .seconds(1))
            }
            #expect(try await client.entry("/a")?.value == [3])
        }
    }
}
