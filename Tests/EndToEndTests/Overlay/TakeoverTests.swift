// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct TakeoverTests {
    @Test func `a node that flannel ran on keeps device, subnet and list, and loses flannel's rules`() throws {
        let cluster = try OverlayCluster(2, network: #"{"Network":"10.244.0.0/16"}"#, flags: ["--ip-masq"])
        let (node, other) = (cluster.nodes[0], cluster.nodes[1])
        try other.start()
        try other.wait("being ready") { other.isReady }
        let peer = try #require(IPPrefix(try other.environment("FLANNEL_SUBNET"))).network
        let flannel = FlannelNode(1, subnets: [.v4: "10.244.9.0/24"])
        try flannel.make(on: node.host, reaching: [])
        // The node that is there, with no more than its route, and one that is not.
        for subnet in ["\(peer)", "10.244.66.0/24"] {
            try node.host.run(
                "ip",
                "route",
                "add",
                subnet,
                "via",
                "\(subnet.dropLast(3))",
                "dev",
                "flannel.1",
                "onlink"
            )
        }
        let before = try flannel.evidence(on: node.host)
        try node.start()
        try node.wait("its routes") { try node.routeCount(.v4) == 1 }
        try node.wait("its rules") { try !FlannelNode.hasRules(on: node.host) }
        try cluster.waitUntilMeshed([.v4])

        #expect(try flannel.evidence(on: node.host) == before)
        #expect(try !node.host.run("ip", "route").contains("10.244.66.0"))
        try cluster.expectMesh(try cluster.attachContainers())
    }

    @Test func `a cluster changes from flannel to ours and back node by node, and loses no packet`() throws {
        let network = KubernetesOverlayTests.network
        let cluster = try OverlayCluster(3, network: network, store: .kubernetes, flags: ["--ip-masq"])
        let (node, ours, theirs) = (cluster.nodes[0], cluster.nodes[1], cluster.nodes[2])
        let flannels = try [1, 3].map { FlannelNode($0, subnets: try OverlayCluster.subnets($0)) }
        let api = try cluster.api
        for flannel in flannels {
            api.patch("node\(flannel.number)", with: ["metadata": ["annotations": flannel.annotations]])
        }
        // One of ours among them: it knows the others by what flannel has written, and they know it by what it writes.
        try ours.start()
        try ours.wait("a route to each other node") {
            try ours.isReady && AddressFamily.allCases.allSatisfy { try ours.routeCount($0) == 2 }
        }
        let second = try FlannelNode(2, subnets: OverlayCluster.subnets(2), annotationsOf: cluster)
        try flannels[0].make(on: node.host, reaching: [second, flannels[1]])
        try flannels[1].make(on: theirs.host, reaching: [flannels[0], second])
        let addresses = try cluster.attachContainers()
        try cluster.expectMesh(addresses)

        let before = (try flannels[0].evidence(on: node.host), try cluster.annotations(of: 1))
        func losingNothing(_ what: String, _ body: () throws -> Void) throws {
            var text = ""
            let outer = try theirs.pinging(try #require(addresses[0].v4), from: "c3", count: 300, milliseconds: 10) {
                text = try node.pinging(
                    try #require(addresses[1].v6),
                    from: "c1",
                    count: 250,
                    milliseconds: 10,
                    body
                )
            }
            #expect(outer.contains("300 packets transmitted, 300 received"), "\(what): \(outer)")
            #expect(text.contains("250 packets transmitted, 250 received"), "\(what): \(text)")
            try cluster.expectMesh(addresses)
        }
        try losingNothing("the change to ours") {
            try node.start()
            try node.wait("being ready") { try node.isReady && node.routeCount(.v6) == 2 }
            try node.wait("its rules") { try !FlannelNode.hasRules(on: node.host) }
        }
        #expect(try flannels[0].evidence(on: node.host) == before.0)
        #expect(try cluster.annotations(of: 1) == before.1)
        #expect(try cluster.isAvailable(1))

        // And back, as the guide has it: flannel finds its device, and replaces routes and neighbours.
        try losingNothing("the change back") {
            try node.stop()
            try flannels[0].make(on: node.host, reaching: [second, flannels[1]])
            try node.host.shell("nft delete table inet flannel")
        }
        #expect(try flannels[0].evidence(on: node.host) == before.0)
        #expect(try cluster.annotations(of: 1) == before.1)
        try cluster.expectGoodManners()
    }
}
