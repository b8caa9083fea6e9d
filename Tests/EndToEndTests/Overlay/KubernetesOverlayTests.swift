// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// flanneld as a node of a Kubernetes cluster: what it waits for, what it publishes, and what it follows.
@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct KubernetesOverlayTests {
    static let network =
        #"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10:244::/48","Backend":{"Type":"vxlan"}}"#

    /// Two nodes with containers that reach each other.
    static func startedPair(_ flags: [String] = []) throws -> (OverlayCluster, [PerFamilyAddresses]) {
        let cluster = try OverlayCluster(2, network: network, store: .kubernetes, flags: flags)
        try cluster.start()
        let addresses = try cluster.attachContainers()
        try cluster.waitUntilMended("the start", addresses)
        return (cluster, addresses)
    }

    @Test func `a node waits for its subnets and says so, and when it is ready the cluster is told`() throws {
        let cluster = try OverlayCluster(
            2,
            network: Self.network,
            store: .kubernetes,
            flags: ["--healthz-port", "8081"]
        )
        let api = try cluster.api
        for number in 1...2 { api.patch("node\(number)", with: OverlayCluster.unavailable) }
        api.patch("node2", with: ["spec": ["podCIDR": .null, "podCIDRs": .null]])
        for node in cluster.nodes { try node.start() }
        let (first, second) = (cluster.nodes[0], cluster.nodes[1])
        try first.wait("being ready") { try first.isReady && cluster.isAvailable(1) }
        try second.wait("a word on why it waits") { second.lastError.contains("node node2 has no IPv4 podCIDR") }
        #expect(try second.ask("/readyz").contains("--allocate-node-cidrs"))
        #expect(try second.status()["obstacles"]?.strings().first?.contains("podCIDR") == true)
        try second.wait("an event") {
            api.events.values.contains { $0.object?["message"]?.string?.contains("node2 has no IPv4 podCIDR") == true }
        }
        #expect(second.state == "starting")
        #expect(try !cluster.isAvailable(2))
        #expect(!File.isRegular(second.host.path("/run/cni/net.d/10-flannel.conflist")))

        api.patch(
            "node2",
            with: ["spec": ["podCIDR": "10.244.2.0/24", "podCIDRs": ["10.244.2.0/24", "fd00:10:244:2::/64"]]]
        )
        try second.wait("being ready at once", atMost: .seconds(2)) { second.isReady }
        try cluster.waitUntilMeshed()
        try second.wait("the condition") { try cluster.isAvailable(2) }
        #expect(try second.subnets() == "10.244.2.1/24 fd00:10:244:2::1/64\n")
        let addresses = try cluster.attachContainers()
        try cluster.waitUntilConnected("the start", addresses)

        // The address by which the cluster knows the node is the uplink's, and status says why.
        let uplinks = try #require(try first.status()["uplink"]?.elements())
        #expect(try uplinks.map { try $0.requiredMember("address").string() } == ["192.0.1.1", "2001:db8:1::1"])
        #expect(try uplinks[0].requiredMember("reason").string().contains("InternalIP 192.0.1.1"))
        let location = try first.status()["store"]?["location"]?.string()
        #expect(location == "Kubernetes http://192.0.1.254:6443, node node1")

        // Whoever says otherwise later is put right.
        api.patch("node2", with: OverlayCluster.unavailable)
        try second.wait("the condition again", atMost: .seconds(5)) { try cluster.isAvailable(2) }
        let areReady = cluster.nodes.allSatisfy(\.isReady)
        #expect(areReady)
        try cluster.expectGoodManners()
    }

    @Test func `the condition is somebody else's where flanneld is told so`() throws {
        let cluster = try OverlayCluster(
            1,
            network: Self.network,
            store: .kubernetes,
            flags: ["--set-node-network-unavailable=false"]
        )
        let node = cluster.nodes[0]
        try cluster.api.patch("node1", with: OverlayCluster.unavailable)
        try node.start()
        try node.wait("being ready") { node.isReady }
        usleep(500_000)
        #expect(try !cluster.isAvailable(1))
        try cluster.expectGoodManners()
    }

    @Test func `what somebody wants to be published or used is followed without a restart`() throws {
        let (cluster, addresses) = try Self.startedPair()
        let (node, peer) = (cluster.nodes[0], cluster.nodes[1])
        let api = try cluster.api
        func endpoints() throws -> String { try peer.host.run("bridge", "fdb", "show", "dev", "flannel.1") }

        try node.host.run("ip", "address", "add", "192.0.1.77/24", "dev", "eth0")
        api.patch("node1", with: OverlayCluster.annotation("public-ip-overwrite", "192.0.1.77"))
        try peer.wait("the override as the node's address", atMost: .seconds(5)) {
            try endpoints().contains("dst 192.0.1.77 ")
        }
        #expect(try cluster.annotation("public-ip", of: 1) == "192.0.1.77")
        try cluster.waitUntilConnected("an override", addresses)

        // A slip keeps what was published, and is told.
        api.patch("node1", with: OverlayCluster.annotation("public-ip-overwrite", "192.0.1"))
        try node.wait("a word on the slip") { node.lastError.contains("public-ip-overwrite is \"192.0.1\"") }
        #expect(node.isReady)
        #expect(try cluster.annotation("public-ip", of: 1) == "192.0.1.77")
        api.patch("node1", with: OverlayCluster.annotation("public-ip-overwrite", nil))
        try peer.wait("the node's own address", atMost: .seconds(10)) { try endpoints().contains("dst 192.0.1.1 ") }
        try node.wait("no word of the slip") { node.lastError.isEmpty }

        api.patch("node1", with: OverlayCluster.annotation("node-public-ip", "192.0.1.77"))
        try node.wait("another address of the tunnel", atMost: .seconds(5)) {
            try node.host.run("ip", "-d", "link", "show", "flannel.1").contains("local 192.0.1.77 ")
        }
        try peer.wait("that address", atMost: .seconds(5)) { try endpoints().contains("dst 192.0.1.77 ") }
        let uplinks = try #require(try node.status()["uplink"]?.elements())
        #expect(try uplinks[0].requiredMember("reason").string() == "it has the annotation node-public-ip 192.0.1.77")
        try cluster.waitUntilConnected("another address", addresses)
        try cluster.expectGoodManners()
    }

    @Test func `without the API a node that was rebooted works with what it knew last, and as no other node`() throws {
        let (cluster, addresses) = try Self.startedPair(["--ip-masq"])
        let (node, api) = (cluster.nodes[0], try cluster.api)
        let subnets = try node.subnets()
        try node.stop()
        api.stop()
        try node.loseBoot()
        // The disk of one node in another: what is known is of no use there.
        node.environment = ["NODE_NAME=node3"]
        try node.start()
        try node.wait("a word on why it waits") { node.lastError.contains("192.0.1.254:6443") }
        try node.wait("a word on whose it is") { node.logged.contains("is of another store, Kubernetes") }
        usleep(500_000)
        #expect(node.state == "starting")
        #expect(try node.routeCount(.v4) == 0)
        try node.stop()

        node.environment = ["NODE_NAME=node1"]
        try node.start()
        try cluster.waitUntilConnected("a start without the API", addresses)
        #expect(try node.subnets() == subnets)
        let status = try node.host.run("\(BuiltProducts.directory)/flanneld", "status")
        #expect(status.contains("192.0.1.254:6443: connection refused"), "\(status)")
        #expect(status.contains("InternalIP 192.0.1.1"), "\(status)")
        api.patch("node1", with: OverlayCluster.unavailable)
        try api.start()
        try node.wait("no word of trouble") { node.lastError.isEmpty }
        try node.wait("the condition") { try cluster.isAvailable(1) }
        #expect(try node.subnets() == subnets)
        try cluster.waitUntilMended("the return of the API", addresses)
        try cluster.expectGoodManners()
    }

    @Test func `a node that is deleted and made anew is one again, with the subnets that it gets`() throws {
        let (cluster, addresses) = try Self.startedPair()
        let (node, peer) = (cluster.nodes[0], cluster.nodes[1])
        let api = try cluster.api
        let text = try peer.pinging(try #require(addresses[0].v4), from: "c2", count: 300, milliseconds: 10) {
            api.delete("node1")
            usleep(100_000)
            api.put(OverlayCluster.document(1, uid: "another"))
            try node.wait("the annotations") { try cluster.leases().count == 2 }
        }
        #expect(text.contains("300 packets transmitted, 300 received"), "\(text)")
        try cluster.waitUntilMended("a node made anew", addresses)

        api.delete("node1")
        try node.wait("a word on what is missing") { node.lastError.contains("no node \"node1\"") }
        try peer.wait("no route to it") { try peer.routeCount(.v4) == 0 }
        api.put(OverlayCluster.document(1, subnet: 9, uid: "a third"))
        try node.wait("the new subnet") {
            try node.subnets() == "10.244.9.1/24 fd00:10:244:9::1/64\n" && node.isReady
        }
        try peer.wait("a route there") { try peer.host.run("ip", "route").contains("10.244.9.0/24") }
        try cluster.expectGoodManners()
    }

    @Test func `the cleanup takes the annotations away, and nothing else of the node`() throws {
        let (cluster, _) = try Self.startedPair()
        let node = cluster.nodes[0]
        try node.stop()
        #expect(
            try node.cleanUp().contains(
                "left bridge cni0, as containers are on it; when they are gone: ip link delete cni0\n"
            )
        )
        #expect(try node.host.run("ip", "link", "show", "master", "cni0").contains("veth"))
        #expect(try cluster.leases().count == 1)
        for name in [
            "backend-data", "backend-type", "backend-v6-data", "kube-subnet-manager", "public-ip", "public-ipv6",
        ] {
            #expect(try cluster.annotation(name, of: 1) == nil)
        }
        #expect(try cluster.api.annotation("volumes.example.org/attach", of: "node1") == "true")
        let peer = cluster.nodes[1]
        try peer.wait("no route to it") { try peer.routeCount(.v4) == 0 }
        try cluster.expectGoodManners()
    }
}
