// swift-cni, SPDX-License-Identifier: Apache-2.0

import EtcdTesting
import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// What people do to the network's configuration and to files, and that nobody pays for it with packets.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"),
    .requiresPrograms("etcd", "etcdctl"),
    .serialized
)
struct MisconfigurationTests {
    private static let network = #"{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}"#

    /// Writes the network's configuration, as a person does, and has all nodes read it.
    private func configure(_ cluster: OverlayCluster, _ store: OverlayStore, _ text: String) throws {
        switch store {
        case .directory, .kubernetes:
            try File.replace(cluster.configurationFile, with: Array(text.utf8), mode: 0o644)
        case .etcd: try cluster.etcd.control("put", "/coreos.com/network/config", text)
        }
        for node in cluster.nodes { try node.send(SIGHUP) }
    }

    @Test(arguments: [OverlayStore.directory, .etcd, .kubernetes])
    func `a slip in the configuration costs no node its lease`(store: OverlayStore) throws {
        let cluster = try OverlayCluster(2, network: Self.network, store: store, flags: ["--lease-ttl", "4"])
        try cluster.start([.v4])
        let addresses = try cluster.attachContainers()
        let before = Set(try cluster.leases())
        try configure(cluster, store, Self.network.replacing("/16", with: "/166"))
        for node in cluster.nodes {
            try node.wait("a word on it") { node.lastError.contains("10.244.0.0/166") }
        }
        // A daemon that starts now does with what it knew.
        try cluster.nodes[0].stop()
        try cluster.nodes[0].start()
        for _ in 0..<30 {
            usleep(200_000)
            let held = Set(try cluster.leases())
            #expect(held == before)
        }
        let areReady = cluster.nodes.allSatisfy(\.isReady)
        #expect(areReady)
        try cluster.expectMesh(addresses)
        try configure(cluster, store, Self.network)
        for node in cluster.nodes { try node.wait("no word of trouble") { node.isReady && node.lastError.isEmpty } }
    }

    @Test(arguments: [OverlayStore.directory, .etcd])
    func `in a network without room a node keeps what it has, and says so`(store: OverlayStore) throws {
        let cluster = try OverlayCluster(2, network: Self.network, store: store)
        try cluster.start([.v4])
        let addresses = try cluster.attachContainers()
        let (first, second) = (cluster.nodes[0], cluster.nodes[1])
        let files = try cluster.nodes.map { try $0.host.run("cat", "/run/flannel/subnet.env") }
        let small = Self.network.replacing(
            #""10.244.0.0/16""#,
            with: #""10.99.0.0/24","SubnetLen":26,"SubnetMin":"10.99.0.64","SubnetMax":"10.99.0.64""#
        )
        try configure(cluster, store, small)
        let hasMoved = { (node: OverlayNode) in (try? node.environment("FLANNEL_NETWORK")) == "10.99.0.0/24" }
        try first.wait("one of the two having the only subnet") { hasMoved(first) || hasMoved(second) }
        let (winner, loser) = hasMoved(first) ? (first, second) : (second, first)
        #expect(try winner.environment("FLANNEL_SUBNET") == "10.99.0.65/26")
        try loser.wait("a word on it") { loser.state == "degraded" && loser.lastError.contains("10.99.0.0/24") }
        #expect(try loser.host.run("cat", "/run/flannel/subnet.env") == files[loser.number - 1])
        #expect(try cluster.leases().count == 2)
        // Both were in one network before, and are again.
        try configure(cluster, store, Self.network)
        try cluster.waitUntilMeshed([.v4])
        for node in cluster.nodes { try node.wait("no word of trouble") { node.isReady && node.lastError.isEmpty } }
        #expect(try loser.host.run("cat", "/run/flannel/subnet.env") == files[loser.number - 1])
        withExtendedLifetime(addresses) {}
    }

    @Test func `what is known of another store is not used`() throws {
        let cluster = try OverlayCluster(1, network: Self.network, store: .etcd)
        try cluster.start([.v4])
        let node = cluster.nodes[0]
        try node.stop()
        try cluster.etcd.kill()
        try node.host.shell("rm -rf /run/flannel; ip link del flannel.1; nft flush ruleset")
        try node.start("--etcd-prefix", "/elsewhere")
        try node.wait("a word on why it waits") { node.lastError.contains("192.0.1.254:2379") }
        usleep(500_000)
        #expect(node.state == "starting")
        try node.stop()
        try node.start()
        try node.wait("what is known of this one") { node.isReady }
    }

    @Test func `files that cannot be written are told of, and written when they can be`() throws {
        let cluster = try OverlayCluster(1, network: Self.network)
        let node = cluster.nodes[0]
        try node.host.shell("mkdir -p /run/cni/net.d; mount -t tmpfs -o ro none /run/cni/net.d")
        try node.start("--healthz-ip", "127.0.0.1", "--healthz-port", "8081")
        try node.wait("a word on it") { node.lastError.contains("/run/cni/net.d") }
        #expect(node.state == "starting")
        let probe = """
            bash -c 'exec 3<>/dev/tcp/127.0.0.1/8081; printf "GET /readyz HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
            """
        let answer = try node.host.shell(probe)
        #expect(answer.contains("503 ") && answer.contains("/run/cni/net.d"), "\(answer)")
        try node.host.shell("umount /run/cni/net.d")
        try node.wait("the list", atMost: .seconds(5)) { node.isReady && node.lastError.isEmpty }
        #expect(File.isRegular(node.host.path("/run/cni/net.d/10-flannel.conflist")))
        #expect(try node.host.shell(probe).contains("200 OK"))
    }
}
