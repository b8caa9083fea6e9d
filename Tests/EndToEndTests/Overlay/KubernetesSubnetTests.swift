// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// Clusters that give nodes other subnets than flannel would: of other lengths (`--node-cidr-mask-size`), or of one family.
@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct KubernetesSubnetTests {
    @Test func `another configuration is taken up whatever the length of the node's subnets`() throws {
        let network = KubernetesOverlayTests.network
        let cluster = try OverlayCluster(1, network: network, store: .kubernetes)
        let subnets = ["10.244.1.128/25", "fd00:10:244:1::100/120"]
        try cluster.api.patch("node1", with: ["spec": ["podCIDRs": .strings(subnets)]])
        let node = cluster.nodes[0]
        try node.start()
        try node.wait("being ready") { node.isReady }
        #expect(try node.subnets() == "10.244.1.129/25 fd00:10:244:1::101/120\n")
        let smaller = network.replacing(#""Type":"vxlan""#, with: #""Type":"vxlan","MTU":1400"#)
        try File.replace(cluster.configurationFile, with: Array(smaller.utf8), mode: 0o644)
        try node.send(SIGHUP)
        try node.wait("the smaller MTU", atMost: .seconds(5)) {
            try node.host.run("ip", "link", "show", "flannel.1").contains(" mtu 1350 ")
        }
        #expect(node.isReady)
    }

    @Test func `a node of before the second family goes on with the first until it is made anew`() throws {
        let network = KubernetesOverlayTests.network
        let cluster = try OverlayCluster(2, network: network, store: .kubernetes, flags: ["--ip-masq"])
        let (node, peer, api) = (cluster.nodes[0], cluster.nodes[1], try cluster.api)
        api.patch("node1", with: ["spec": ["podCIDRs": ["10.244.1.0/24"]]])
        try cluster.start([.v4])
        #expect(try node.subnets() == "10.244.1.1/24 \n")
        let addresses = try cluster.attachContainers()
        let target = (try #require(addresses[1].v4), try #require(addresses[1].v6))
        #expect(addresses[0].v6 == nil)
        #expect(try node.reaches(target.0, from: "c1"))
        func status() throws -> String { try node.host.run("\(BuiltProducts.directory)/flanneld", "status") }
        try node.wait("a word on what it does without") {
            try status().contains("serves no IPv6: node node1 has no IPv6 podCIDR")
        }
        #expect(try peer.routeCount(.v6) == 0)

        api.delete("node1")
        api.put(OverlayCluster.document(1, uid: "another"))
        try cluster.waitUntilMeshed()
        #expect(try status().contains("serves no IPv6") == false)
        let added = try node.attach("added")
        #expect(added.v6 != nil)
        #expect(try node.reaches(target.1, from: "added"))
        #expect(try node.reaches(target.0, from: "c1"))
        try cluster.expectGoodManners()
    }
}
