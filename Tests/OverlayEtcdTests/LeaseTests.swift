// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import IPAddresses
internal import LinuxSystem
internal import Overlay
internal import OverlayEtcd
internal import Testing

/// Taking, keeping, and losing a lease; each test has a prefix of its own.
@Suite(.timeLimit(.minutes(2))) struct LeaseTests {
    private let server: EtcdServer

    init() throws { server = try SharedServer.server.get() }

    @Test func `the lease is kept over restarts, whatever address the node has by then`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            let key = try await network.node("a") { store async throws in
                let held = try await store.hold(.numbered(1), previous: "10.5.9.0-24")
                #expect(held.renewal == .seconds(28_800))
                let validity = try #require(held.validity)
                #expect(validity < .seconds(86_400) && validity > .seconds(86_370))
                #expect(held.lease.subnets == PerFamily(v4: IPPrefix("10.5.9.0/24")))
                let entry = try #require(try await network.entries()["10.5.9.0-24"])
                #expect(entry.lease == store.leaseNumber)
                #expect(try await network.client.remainingTime(ofLease: entry.lease) ?? 0 > 86_000)
                #expect(String(decoding: entry.value, as: UTF8.self) == goValue("192.0.2.1"))
                #expect(try await store.hold(1) == "10.5.9.0-24")
                #expect(try await network.entries()["10.5.9.0-24"] == entry)
                return held.lease.subnets.leaseKey
            }
            // Another address, another preference: the lease is the node's.
            try await network.node("a") { store async throws in
                #expect(await store.look().own?.subnets.leaseKey == key)
                #expect(try await store.hold(7, previous: "10.5.10.0-24") == key)
            }
            #expect(try await network.entries().count == 1)
            #expect(try await network.value(key) == goValue("192.0.2.7"))
            try await network.node("b", { $0.renewalMargin = .seconds(86_000) }) { store async throws in
                #expect(try await store.hold(.numbered(2)).renewal == .seconds(400))
            }
        }
    }

    @Test func `a lease that a Go flanneld left is found by the public address and taken over`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            let go = try await network.client.grantLease(seconds: 1000).id
            try await network.write("10.5.7.0-24", goValue("192.0.2.8"), lease: go)
            try await network.write("10.5.8.0-24", goValue("192.0.2.1", mac: "c6:d2:32:6f:8f:45"), lease: go)
            // Of an earlier configuration.
            try await network.write("10.6.0.0-24", goValue("192.0.2.1"), lease: go)
            let device = try #require(MACAddress("c6:d2:32:6f:8f:45"))
            try await network.node("a") { store async throws in
                // Without a device: the one that is made gets the address that is published.
                let node = NodeDescription(publicAddresses: PerFamily(v4: IPAddress("192.0.2.1")))
                let held = try await store.hold(node, previous: "10.5.10.0-24")
                #expect(held.lease.subnets.leaseKey == "10.5.8.0-24")
                #expect(held.lease.attributes.backendData.v4 == VXLANEndpoint(vni: 1, mac: device).json)
                #expect(
                    try await network.entries().mapValues(\.lease) == [
                        "10.5.7.0-24": go, "10.5.8.0-24": store.leaseNumber,
                    ]
                )
                #expect(await store.peers() == ["10.5.7.0-24"])
            }
        }
    }

    @Test func `with IPv6 alone a lease is found by the IPv6 address, never by 0.0.0.0`() async throws {
        let configuration = #"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:5::/48"}"#
        try await EtcdNetwork.with(configuration, server: server) { network in
            let go = try await network.client.grantLease(seconds: 1000).id
            let names = ["0.0.0.0-0&fd00:5:0:1::-64", "0.0.0.0-0&fd00:5:0:2::-64", "0.0.0.0-0&fd00:5:0:3::-64"]
            for (number, name) in names.enumerated() {
                let value = #"{"PublicIP":"0.0.0.0","PublicIPv6":"2001:db8::\#(number + 1)"}"#
                try await network.write(name, value, lease: go)
            }
            // A node has an IPv4 address also where the network has none.
            func node(_ number: Int) -> NodeDescription {
                NodeDescription(
                    publicAddresses: PerFamily(v4: IPAddress("192.0.2.1"), v6: IPAddress("2001:db8::\(number)"))
                )
            }
            try await network.node("b") { store async throws in
                #expect(try await store.hold(node(2)).lease.subnets.leaseKey == names[1])
            }
            try await network.node("d") { store async throws in
                let key = try await store.hold(node(4)).lease.subnets.leaseKey
                #expect(!names.contains(key))
                #expect(await store.peers().count == 3)
            }
        }
    }

    @Test func `the value is written in place when it changed, and repaired`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { store async throws in
                let key = try await store.hold(1)
                let first = try #require(try await network.entries()[key])
                try await store.hold(2)
                let second = try #require(try await network.entries()[key])
                #expect(second.createRevision == first.createRevision && second.modRevision > first.modRevision)
                #expect(String(decoding: second.value, as: UTF8.self) == goValue("192.0.2.2"))
                // Nonsense from elsewhere is repaired.
                try await network.write(key, "{", lease: store.leaseNumber)
                #expect(await store.look().problems.count == 1)
                #expect(try await store.hold(2) == key)
                #expect(try await network.value(key) == goValue("192.0.2.2"))
            }
        }
    }

    @Test func `a lease of an earlier configuration is given up`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { store async throws in
                try await store.hold(1)
                try await network.client.put("\(network.prefix)/config", Array(#"{"Network":"10.9.0.0/16"}"#.utf8))
                let key = try await store.hold(1)
                #expect(key.hasPrefix("10.9."))
                #expect(try await network.entries().keys.sorted() == [key])
            }
        }
    }

    @Test func `a lease of an earlier configuration stays until there is one of the new`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { store async throws in
                let key = try await store.hold(1, previous: "10.5.1.0-24")
                try await network.client.put("\(network.prefix)/config", Array(#"{"Network":"10.9.0.0/24"}"#.utf8))
                let names = ["10.9.0.64-26", "10.9.0.128-26", "10.9.0.192-26"]
                for (number, name) in names.enumerated() {
                    try await network.write(name, goValue("192.0.2.\(number + 20)"))
                }
                for _ in 0..<2 {
                    await expectFailure(.outOfSubnets) { try await store.hold(1) }
                    #expect(try await network.entries().keys.sorted() == (names + [key]).sorted())
                }
                _ = try await network.client.delete(.key(network.key(names[1])))
                #expect(try await store.hold(1) == names[1])
                #expect(try await network.entries().keys.sorted() == names.sorted())
                // Its own former subnet is in nobody's way.
                try await network.client.put(
                    "\(network.prefix)/config",
                    Array(#"{"Network":"10.9.0.0/24","SubnetLen":27}"#.utf8)
                )
                try await network.write("10.9.0.32-27", goValue("192.0.2.30"))
                #expect(try await ["10.9.0.128-27", "10.9.0.160-27"].contains(store.hold(1)))
                #expect(try await network.entries().count == 4)
                #expect(try await network.entries()[names[1]] == nil)
            }
        }
    }

    @Test func `a lease that was revoked is taken again with the same subnet, if that is free`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { store async throws in
                let key = try await store.hold(1)
                var snapshots = store.snapshots().makeAsyncIterator()
                #expect(await snapshots.next()?.own != nil)
                for _ in 0..<5 {
                    try await network.client.revokeLease(store.leaseNumber)
                    #expect(await snapshots.next()?.own == nil)
                    #expect(try await store.hold(1) == key)
                    #expect(await snapshots.next()?.own?.subnets.leaseKey == key)
                }
                try await network.client.delete(.key(network.key(key)))
                #expect(await snapshots.next()?.own == nil)
                #expect(try await store.hold(1) == key)
                #expect(await snapshots.next()?.own?.subnets.leaseKey == key)
                // By now another node has it.
                try await network.client.revokeLease(store.leaseNumber)
                try await network.node("b") { other async throws in
                    #expect(try await other.hold(2, previous: key) == key)
                    let second = try await store.hold(1)
                    #expect(second != key)
                    #expect(try await network.entries().keys.sorted() == [key, second].sorted())
                }
            }
        }
    }

    @Test func `a key without an etcd lease is respected`() async throws {
        let configuration = #"{"Network":"10.5.0.0/22","SubnetLen":24,"SubnetMin":"10.5.0.0"}"#
        try await EtcdNetwork.with(configuration, server: server) { network in
            try await network.write("10.5.0.0-24", goValue("192.0.2.9"))
            try await network.write("10.5.1.0-24", "{}")
            try await network.write("10.5.2.0-24", "kept for the printer")
            try await network.node("a") { store async throws in
                #expect(try await store.hold(1, previous: "10.5.0.0-24") == "10.5.3.0-24")
                let snapshot = await store.look()
                #expect(snapshot.peers.map(\.subnets.leaseKey) == ["10.5.0.0-24"])
                #expect(snapshot.problems.map(\.message).filter { $0.contains("10.5.2.0-24") }.count == 1)
                try await network.node("b") { other async throws in
                    await expectFailure(.outOfSubnets) { try await other.hold(2) }
                }
                // The node's own key is kept for another now.
                try await network.write("10.5.3.0-24", goValue("192.0.2.8"))
                await expectFailure(.outOfSubnets) { try await store.hold(1) }
                #expect(await store.look().own == nil)
                #expect(try await network.value("10.5.3.0-24") == goValue("192.0.2.8"))
                #expect(try await network.entries()["10.5.3.0-24"]?.lease == 0)
            }
        }
    }

    @Test func `a reservation for the node is used, and stays without an etcd lease`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.write("10.5.77.0-24", #"{"PublicIP":"192.0.2.1"}"#)
            try await network.node("a") { store async throws in
                let held = try await store.hold(.numbered(1), previous: "10.5.9.0-24")
                #expect(held.lease.subnets.leaseKey == "10.5.77.0-24")
                #expect(held.renewal == nil)
                #expect(held.validity == nil)
                #expect(try await network.value("10.5.77.0-24") == goValue("192.0.2.1"))
                #expect(try await network.entries()["10.5.77.0-24"]?.lease == 0)
                #expect(await store.look() == SubnetSnapshot(own: held.lease, peers: []))
                try await store.releaseLease()
                #expect(try await network.entries()["10.5.77.0-24"]?.lease == 0)
            }
            // A lease that is made a reservation while its node runs stays one.
            try await network.node("b") { store async throws in
                let key = try await store.hold(2)
                try await network.write(key, goValue("192.0.2.2"))
                #expect(try await store.hold(.numbered(2)).renewal == nil)
                #expect(try await network.entries()[key]?.lease == 0)
                #expect(await store.look().own?.subnets.leaseKey == key)
            }
        }
    }

    @Test func `subnets of different lengths that are taken at once never overlap`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            let wide = try NetworkConfiguration(parsing: Array(#"{"Network":"10.5.0.0/16","SubnetLen":20}"#.utf8))
            let stores = try (0..<6).map { try network.makeStore("\($0)") }
            for _ in 0..<10 {
                let keys = try await withThrowingTaskGroup { group in
                    for (number, store) in stores.enumerated() {
                        group.addTask {
                            let narrow = try await store.networkConfiguration()
                            return try await store.holdLease(
                                publishing: .numbered(number + 1),
                                in: number < 2 ? wide : narrow,
                                previous: PerFamily(
                                    v4: IPPrefix(number < 2 ? "10.5.16.0/20" : "10.5.\(16 + number).0/24")
                                )
                            ).lease.subnets
                        }
                    }
                    return try await group.reduce(into: [PerFamily<IPPrefix>]()) { $0.append($1) }
                }
                for (index, first) in keys.enumerated() {
                    for second in keys[(index + 1)...] { #expect(!first.overlaps(second)) }
                }
                #expect(try await network.entries().keys.sorted() == keys.map(\.leaseKey).sorted())
                for store in stores { try await store.releaseLease() }
            }
            for store in stores { await store.shutdown() }
        }
    }

    @Test func `as many nodes as there are subnets all get one, and the next is told`() async throws {
        let configuration = #"{"Network":"10.5.0.0/27","SubnetLen":30,"SubnetMin":"10.5.0.0"}"#
        try await EtcdNetwork.with(configuration, server: server) { network in
            let stores = try (0..<8).map { try network.makeStore("\($0)") }
            let keys = try await withThrowingTaskGroup { group in
                for (number, store) in stores.enumerated() { group.addTask { try await store.hold(number + 1) } }
                return try await group.reduce(into: [String]()) { $0.append($1) }
            }
            #expect(Set(keys).count == 8)
            try await network.node("late") { store async throws in
                await expectFailure(.outOfSubnets, "10.5.0.0/27") { try await store.hold(9) }
                try await stores[3].releaseLease()
                try await store.hold(9)
            }
            for store in stores { await store.shutdown() }
        }
    }

    /// Two nodes with one public address: the one that held the lease tells.
    @Test func `of two nodes with one public address the one that held the lease tells`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { first async throws in
                let key = try await first.hold(1)
                var snapshots = first.snapshots().makeAsyncIterator()
                #expect(await snapshots.next()?.problems == [])
                try await network.node("b") { second async throws in
                    #expect(try await second.hold(1) == key)
                    let snapshot = await snapshots.next()
                    #expect(snapshot?.problems.map(\.code) == [.duplicateNode])
                    #expect(snapshot?.own == nil)
                    for _ in 0..<2 {
                        await expectFailure(.duplicateNode, key, "--public-ip") { try await first.hold(1) }
                    }
                    #expect(try await second.hold(1) == key)
                    // The other gets an address of its own: the subnet is its, this one gets another.
                    #expect(try await second.hold(2) == key)
                    #expect(try await first.hold(1) != key)
                    #expect(await first.look().problems == [])
                    #expect(await first.peers() == [key])
                }
            }
            // An address of the other family tells them apart from the start.
            let dual = #"{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48"}"#
            try await network.client.put("\(network.prefix)/config", Array(dual.utf8))
            let keys = try await ["c", "d"].asyncMap { name in
                try await network.node(name) { store async throws in
                    let v6 = IPAddress("2001:db8::\(name)")
                    let node = NodeDescription(publicAddresses: PerFamily(v4: IPAddress("192.0.2.33"), v6: v6))
                    return try await store.hold(node).lease.subnets.leaseKey
                }
            }
            #expect(Set(keys).count == 2)
        }
    }

    /// A machine that is copied with the number of its lease.
    @Test func `a machine that is copied with the number of its lease is told`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { first async throws in
                let key = try await first.hold(1)
                let number = try File.contents(of: "\(network.stateDirectory(of: "a"))/etcd-leases.json")
                try Directory.create(network.stateDirectory(of: "copy"), mode: 0o755)
                try File.replace("\(network.stateDirectory(of: "copy"))/etcd-leases.json", with: number)
                try await network.node("copy") { second async throws in
                    #expect(try await second.hold(2) == key)
                    await expectFailure(.duplicateNode, "etcd-leases.json") { try await first.hold(1) }
                    #expect(await first.look().problems.map(\.code) == [.duplicateNode])
                }
            }
        }
    }

    @Test func `a missing or wrong configuration is told with its key`() async throws {
        try await EtcdNetwork.with(nil, server: server) { network in
            try await network.node("a") { store async throws in
                await expectFailure(.notConfigured, "\(network.prefix)/config", "etcdctl put") {
                    try await store.hold()
                }
                try await network.client.put("\(network.prefix)/config", Array("{".utf8))
                await expectFailure(.configuration, "\(network.prefix)/config") { try await store.hold() }
                try await network.client.put("\(network.prefix)/config", Array(#"{"Network":"10.5.0.0/16"}"#.utf8))
                try await store.hold()
            }
            // A slash at the end of the prefix means nothing.
            try await network.node("b", { $0.prefix += "/" }) { store async throws in
                try await store.hold(2)
                #expect(await store.peers().count == 1)
            }
        }
    }

    @Test func `a lease is given back, also by another process`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            try await network.node("a") { store async throws in
                try await store.releaseLease()
                try await store.hold(1)
            }
            // By another process, as when the node is cleaned up.
            try await network.node("a") { store async throws in
                try await store.releaseLease()
                try await store.releaseLease()
            }
            #expect(try await network.entries().isEmpty)
        }
    }
}

extension Array {
    /// What an asynchronous function makes of each element, one after the other.
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
