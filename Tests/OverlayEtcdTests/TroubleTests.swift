// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import IPAddresses
internal import LinuxSystem
internal import Overlay
internal import OverlayEtcd
internal import Testing

/// etcd that is down, away for a while, wiped, or does not want to talk.
@Suite(.timeLimit(.minutes(3))) struct TroubleTests {
    /// How often things are repeated that chance could let pass.
    private var repetitions: Int { ProcessEnvironment.entries.contains("SWIFT_CNI_LONG=1") ? 50 : 10 }

    @Test func `nodes that start at once each get a subnet, over and over`() async throws {
        let server = try EtcdServer.started()
        for round in 0..<repetitions {
            // Three of four subnets: they always meet.
            let configuration = #"{"Network":"10.5.0.0/28","SubnetLen":30,"SubnetMin":"10.5.0.0"}"#
            try await EtcdNetwork.with(configuration, server: server) { network in
                let stores = try (0..<3).map { try network.makeStore("\(round)-\($0)") }
                let keys = try await withThrowingTaskGroup { group in
                    for (number, store) in stores.enumerated() {
                        group.addTask { try await store.hold(number + 1, previous: "10.5.0.4-30") }
                    }
                    return try await group.reduce(into: [String]()) { $0.append($1) }
                }
                #expect(Set(keys).count == 3)
                #expect(keys.contains("10.5.0.4-30"))
                let entries = try await network.entries()
                #expect(entries.keys.sorted() == keys.sorted())
                #expect(Set(entries.values.map(\.lease)) == Set(stores.map(\.leaseNumber)))
                for store in stores { await store.shutdown() }
            }
        }
    }

    @Test func `a server that is killed, and one that comes back, are told; nothing is forgotten`() async throws {
        let server = try EtcdServer.started()
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { store async throws in
                let key = try await store.hold(1)
                var snapshots = store.snapshots().makeAsyncIterator()
                let before = try #require(await snapshots.next())
                for round in 2...4 {
                    server.kill()
                    let during = try #require(await snapshots.next())
                    #expect(during.outage?.code == .storeUnavailable)
                    #expect(during.own == before.own)
                    #expect(during.peers.count == round - 2)
                    await expectFailure(.storeUnavailable, server.endpoint) { try await store.hold(1) }
                    try server.start()
                    try server.waitUntilReady()
                    let after = try #require(await snapshots.next())
                    #expect(after.outage == nil && after.own == before.own && after.peers.count == round - 2)
                    #expect(try await store.hold(1) == key)
                    try await network.write("10.5.\(round).0-24", goValue("192.0.2.\(round)"))
                    #expect(await snapshots.next()?.peers.count == round - 1)
                }
            }
        }
    }

    @Test func `a store that was wiped is filled again with the same subnets`() async throws {
        let server = try EtcdServer.started()
        let configuration = #"{"Network":"10.5.0.0/16"}"#
        try await EtcdNetwork.with(configuration, server: server) { network in
            try await network.node("a") { first async throws in
                try await network.node("b") { second async throws in
                    let keys = [try await first.hold(1), try await second.hold(2)]
                    // Far ahead of anything that the new store has seen.
                    for _ in 0..<50 { try await network.client.put("/elsewhere", []) }
                    var snapshots = first.snapshots().makeAsyncIterator()
                    #expect(await snapshots.next()?.peers.map(\.subnets.leaseKey) == [keys[1]])
                    server.kill()
                    try server.wipe()
                    try server.start()
                    try server.waitUntilReady()
                    await expectFailure(.notConfigured) { _ = try await first.networkConfiguration() }
                    try server.control("put", "\(network.prefix)/config", configuration)
                    #expect(try await second.hold(2) == keys[1])
                    #expect(try await first.hold(1) == keys[0])
                    // That everything is as it was is no news; what follows is.
                    try await network.write("10.5.0.0-24", goValue("192.0.2.3"))
                    while let snapshot = await snapshots.next() {
                        guard snapshot.peers.count == 2 else { continue }
                        #expect(snapshot.outage == nil)
                        #expect(snapshot.own?.subnets.leaseKey == keys[0])
                        #expect(Set(snapshot.peers.map(\.subnets.leaseKey)) == ["10.5.0.0-24", keys[1]])
                        break
                    }
                }
            }
        }
    }

    @Test func `etcd that is down at the start is waited for`() async throws {
        let server = try EtcdServer.started()
        let network = try EtcdNetwork(server: server)
        server.kill()
        try await network.node("a") { store async throws in
            await expectFailure(.storeUnavailable, "connection refused", server.endpoint) {
                _ = try await store.networkConfiguration()
            }
            var snapshots = store.snapshots().makeAsyncIterator()
            let first = await snapshots.next()
            #expect(first?.outage?.code == .storeUnavailable)
            #expect(first?.peers == [] && first?.own == nil)
            try server.start()
            #expect(await snapshots.next() == SubnetSnapshot(own: nil, peers: []))
            try await store.hold(1)
            #expect(await snapshots.next()?.own != nil)
        }
        await network.client.shutdown()
    }

    @Test func `a lease lives while it is renewed, and ends when its node is gone`() async throws {
        let server = try EtcdServer.started()
        try await EtcdNetwork.with(server: server) { network in
            let short = { (options: inout EtcdStoreOptions) in
                options.timeToLive = .seconds(2)
                options.renewalMargin = .seconds(1)
            }
            try await network.node("observer") { observer async throws in
                try await observer.hold(1)
                var snapshots = observer.snapshots().makeAsyncIterator()
                #expect(await snapshots.next()?.peers == [])
                try await network.node("short", short) { store async throws in
                    let held = try await store.hold(.numbered(2))
                    #expect(held.renewal == .seconds(2) / 3)
                    let key = held.lease.subnets.leaseKey
                    #expect(await snapshots.next()?.peers == [held.lease])
                    let revision = try await network.entries()[key]?.modRevision
                    for _ in 0..<8 {
                        try await Task.sleep(for: held.renewal ?? .zero)
                        #expect(try await store.hold(2) == key)
                    }
                    #expect(try await network.entries()[key]?.modRevision == revision)
                    // One lease for the node, however often it was renewed.
                    #expect(try server.control("lease", "list").split(separator: "\n").count == 3)
                }
                #expect(await snapshots.next()?.peers == [])
                try await network.node("short", short) { store async throws in
                    try await store.hold(3)
                    #expect(await snapshots.next()?.peers.count == 1)
                }
            }
        }
    }

    @Test func `what etcd refuses is told with what to check`() async throws {
        let server = try EtcdServer.started()
        try await EtcdNetwork.with(server: server) { network in
            try server.control("user", "add", "root:secret")
            try server.control("user", "grant-role", "root", "root")
            try server.control("auth", "enable")
            let user = EtcdClientOptions.User(name: "root", password: "secret")
            try await network.node("good", { $0.client.user = user }) { store async throws in
                try await store.hold(1)
                #expect(await store.look().own != nil)
            }
            let wrong = EtcdClientOptions.User(name: "root", password: "wrong")
            try await network.node("wrong", { $0.client.user = wrong }) { store async throws in
                await expectFailure(.storeUnavailable, "\"root\"", "--etcd-password") { try await store.hold(2) }
                #expect(await store.look().outage?.code == .storeUnavailable)
            }
            try await network.node("none", { $0.client.authorityFile = "/none" }) { store async throws in
                await expectFailure(.storeUnavailable, "/none", "--etcd-cafile") { try await store.hold(3) }
                #expect(await store.look().outage?.code == .storeUnavailable)
            }
            #expect(throws: OverlayError.self) {
                _ = try network.makeStore("alone") { $0.client.certificateFile = "/none" }
            }
        }
    }

    @Test func `a member that is lost is no outage while another answers`() async throws {
        let servers = try EtcdServer.startedCluster()
        try await EtcdNetwork.with(server: servers[2]) { network in
            try await network.node("a", { $0.client.endpoints = servers.map(\.endpoint) }) { store async throws in
                try await store.hold(1)
                var snapshots = store.snapshots().makeAsyncIterator()
                #expect(await snapshots.next()?.own != nil)
                let task = Task { () throws in
                    try await Task.sleep(for: .milliseconds(300))
                    servers[0].kill()
                    try await Task.sleep(for: .seconds(1))
                    try await network.write("10.5.1.0-24", goValue("192.0.2.1"))
                }
                let next = try #require(await snapshots.next())
                #expect(next.outage == nil)
                #expect(next.peers.count == 1)
                try await task.value
            }
        }
    }
}
