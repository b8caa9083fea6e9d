// swift-cni, SPDX-License-Identifier: Apache-2.0

import EtcdTesting
import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// flanneld with its leases in etcd, and what may happen to etcd.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"),
    .requiresPrograms("etcd", "etcdctl"),
    .serialized
)
struct EtcdOverlayTests {
    static let network =
        #"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10:244::/48","Backend":{"Type":"vxlan"}}"#
    private static let leases = "/coreos.com/network/subnets/"

    /// Two nodes with containers that reach each other.
    private func startedPair(_ flags: [String] = []) throws -> (OverlayCluster, [PerFamilyAddresses]) {
        let cluster = try OverlayCluster(2, network: Self.network, store: .etcd, flags: flags)
        try cluster.start()
        let addresses = try cluster.attachContainers()
        try cluster.waitUntilMended("the start", addresses)
        return (cluster, addresses)
    }

    @Test func `three daemons that start at once get three subnets`() throws {
        // Three nodes for three subnets: they must meet.
        let cluster = try OverlayCluster(
            3,
            network: #"""
                {"Network":"10.244.0.0/16","SubnetMin":"10.244.7.0","SubnetMax":"10.244.9.0","Backend":{"Type":"vxlan"}}
                """#,
            store: .etcd
        )
        for round in 1...(BuiltProducts.runsLong ? 50 : 5) {
            for node in cluster.nodes { try node.start() }
            try cluster.waitUntilMeshed([.v4])
            let subnets = try cluster.nodes.map { try $0.environment("FLANNEL_SUBNET") }
            #expect(subnets.sorted() == ["10.244.7.1/24", "10.244.8.1/24", "10.244.9.1/24"], "round \(round)")
            #expect(try cluster.leases().count == 3)
            for node in cluster.nodes {
                try node.stop(SIGKILL)
                try node.host.shell("rm -rf /run/flannel /var/lib/flannel; ip link del flannel.1")
            }
            for lease in try cluster.leases() {
                let number = try #require(lease.holder.flatMap { Int64($0) })
                try cluster.etcd.control("lease", "revoke", String(number, radix: 16))
            }
        }
    }

    @Test func `etcd is killed and restarted, and containers notice nothing`() throws {
        let (cluster, addresses) = try startedPair()
        let etcd = try cluster.etcd
        let text = try cluster.nodes[0].pinging(
            try #require(addresses[1].v4),
            from: "c1",
            count: 500,
            milliseconds: 10
        ) {
            etcd.kill()
            usleep(1_500_000)
            let isStillReady = cluster.nodes.allSatisfy(\.isReady)
            #expect(isStillReady)
            try etcd.start()
            try etcd.waitUntilReady()
        }
        #expect(text.contains("500 packets transmitted, 500 received"), "\(text)")
        // What is new after that is followed again.
        try etcd.control("put", "\(Self.leases)10.244.250.0-24", Self.peer)
        for node in cluster.nodes {
            try node.wait("a route to a new node") { try node.host.run("ip", "route").contains("10.244.250.0/24") }
        }
    }

    private static let peer = """
        {"PublicIP":"192.0.1.77","PublicIPv6":null,"BackendType":"vxlan",\
        "BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:77"}}
        """

    @Test func `what changed while the history was compacted is caught up`() throws {
        let (cluster, addresses) = try startedPair()
        let etcd = try cluster.etcd
        let node = cluster.nodes[0]
        try etcd.control("put", "\(Self.leases)10.244.250.0-24", Self.peer)
        try node.wait("a route to the peer") { try node.host.run("ip", "route").contains("10.244.250.0/24") }
        try node.send(SIGSTOP)
        etcd.kill()
        try etcd.start()
        try etcd.waitUntilReady()
        try etcd.control("del", "\(Self.leases)10.244.250.0-24")
        try etcd.control("put", "\(Self.leases)10.244.251.0-24", Self.peer.replacing("77", with: "78"))
        try etcd.compact()
        try node.send(SIGCONT)
        try node.wait("the new peer, and not the old one") {
            let routes = try node.host.run("ip", "route")
            return routes.contains("10.244.251.0/24") && !routes.contains("10.244.250.0/24")
        }
        try cluster.expectMesh(addresses)
    }

    @Test func `a node whose lease is revoked takes the same subnet again`() throws {
        let (cluster, addresses) = try startedPair()
        let etcd = try cluster.etcd
        let before = try cluster.leases()
        let text = try cluster.nodes[0].pinging(
            try #require(addresses[1].v4),
            from: "c1",
            count: 200,
            milliseconds: 10
        ) {
            for lease in before {
                let number = try #require(lease.holder.flatMap { Int64($0) })
                try etcd.control("lease", "revoke", String(number, radix: 16))
            }
        }
        // It is back within some milliseconds, and others do not let go of it at once.
        #expect(text.contains("200 packets transmitted, 200 received"), "\(text)")
        for node in cluster.nodes { try node.wait("the leases being back") { try cluster.leases().count == 2 } }
        #expect(try Set(cluster.leases()) == Set(before))
        try cluster.waitUntilMeshed()
        try cluster.expectMesh(addresses)
    }

    @Test func `without etcd a node that was rebooted works with what it knew last`() throws {
        let (cluster, addresses) = try startedPair(["--ip-masq"])
        let etcd = try cluster.etcd
        let node = cluster.nodes[0]
        let subnets = try node.subnets()
        try node.stop()
        etcd.kill()
        try node.loseBoot()
        try node.start()
        try cluster.waitUntilConnected("a start without etcd", addresses)
        #expect(try node.subnets() == subnets)
        let status = try node.host.run("\(BuiltProducts.directory)/flanneld", "status")
        #expect(status.contains("192.0.1.254:2379") && status.contains("refused"), "\(status)")
        #expect(node.lastError.contains("192.0.1.254:2379"), "\(node.lastError)")
        try etcd.start()
        try etcd.waitUntilReady()
        try node.wait("no word of trouble") { node.lastError.isEmpty }
        #expect(try cluster.leases().count == 2)
        try etcd.control("put", "\(Self.leases)10.244.250.0-24", Self.peer)
        try node.wait("a route to a new node") { try node.host.run("ip", "route").contains("10.244.250.0/24") }
        #expect(try node.subnets() == subnets)
        try cluster.expectMesh(addresses)
    }

    @Test func `without etcd a node whose lease has ended waits`() throws {
        let cluster = try OverlayCluster(2, network: Self.network, store: .etcd, flags: ["--lease-ttl", "4"])
        try cluster.start()
        let node = cluster.nodes[0]
        try node.stop()
        try cluster.etcd.kill()
        try node.loseBoot()
        usleep(4_500_000)
        try node.start()
        try node.wait("a word on why it waits") { node.lastError.contains("192.0.1.254:2379") }
        usleep(500_000)
        #expect(node.state == "starting")
        #expect(try node.routeCount(.v4) == 0)
        try cluster.etcd.start()
        try cluster.waitUntilMeshed()
    }

    @Test func `a start prolongs the lease, which may have been about to end`() throws {
        let cluster = try OverlayCluster(1, network: Self.network, store: .etcd)
        try cluster.start()
        let node = cluster.nodes[0]
        try node.stop(SIGKILL)
        usleep(3_500_000)
        #expect(try Self.remainingSeconds(cluster) <= 86_397)
        try node.start()
        try node.wait("the lease's full time", atMost: .seconds(5)) { try Self.remainingSeconds(cluster) >= 86_398 }
    }

    /// How long the only lease lasts.
    private static func remainingSeconds(_ cluster: OverlayCluster) throws -> Int {
        let number = try #require(cluster.leases().first?.holder.flatMap { Int64($0) })
        let text = try cluster.etcd.control("lease", "timetolive", String(number, radix: 16))
        return try #require(text.split(separator: "remaining(").last?.split(separator: "s").first.flatMap { Int($0) })
    }
}
