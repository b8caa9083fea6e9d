// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// Clusters that give nodes subnets of other lengths than flannel would (`--node-cidr-mask-size`).
@Suite(.requiresProducts("flanneld"), .serialized)
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
}
