// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct RestartTests {
    static let network =
        #"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10:244::/48","Backend":{"Type":"vxlan"}}"#

    @Test(arguments: [SIGTERM, SIGKILL], AddressFamily.allCases)
    func `a restart loses not one packet`(signal: Int32, family: AddressFamily) throws {
        let cluster = try OverlayCluster(2, network: Self.network, flags: ["--ip-masq"])
        try cluster.start()
        let addresses = try cluster.attachContainers()
        try cluster.expectMesh(addresses)
        let node = cluster.nodes[0]
        let target = try #require(family == .v4 ? addresses[1].v4 : addresses[1].v6)
        let words = node.host.entering([
            "ip", "netns", "exec", "c1", "ping", "-n", "-q", "-i", "0.001", "-c", "3000", "-W", "2", "\(target)",
        ])
        var ping = try ChildProcess.start(words[0], arguments: Array(words.dropFirst()), environment: ["LC_ALL=C"])
        usleep(500_000)
        try node.stop(signal)
        usleep(200_000)
        try node.start()
        try node.wait("the daemon's word that it goes on") { node.logged.components(of: "ready").count >= 2 }
        let outcome = try ping.wait()
        let text = String(decoding: outcome.standardOutput, as: UTF8.self)
        #expect(text.contains("3000 packets transmitted, 3000 received"), "\(text)")
    }

    @Test func `a daemon that is asked to end keeps what it knows, and says no error`() throws {
        let cluster = try OverlayCluster(2, network: Self.network)
        try cluster.start()
        let node = cluster.nodes[0]
        try node.host.run("rm", "-f", "/var/lib/flannel/last-known.json")
        // Something new to keep.
        try cluster.nodes[1].stop()
        try cluster.nodes[1].host.run(
            "\(BuiltProducts.directory)/flanneld",
            "cleanup",
            "--store",
            "file://\(cluster.shared)"
        )
        try node.wait("the removal of the routes") { try node.routeCount(.v4) == 0 }
        try node.stop()
        #expect(node.logged.contains("ends; what is programmed stays"), "\(node.logged)")
        #expect(!node.logged.contains("Error"), "\(node.logged)")
        #expect(File.isRegular(node.host.path("/var/lib/flannel/last-known.json")))
    }

    @Test func `a start at which nothing has changed writes nothing`() throws {
        let cluster = try OverlayCluster(3, network: Self.network, flags: ["--ip-masq"])
        try cluster.start()
        _ = try cluster.attachContainers()
        let node = cluster.nodes[0]
        try node.stop()
        try node.startTraced()
        // Its own word would come too early: the second look at what its first one brought is part of the start.
        usleep(4_000_000)
        let writing = try node.stopTraced()
        #expect(writing.isEmpty, "\(writing.joined(separator: "\n"))")
    }

    @Test func `after a reboot nobody is told that the overlay is there before it is`() throws {
        let cluster = try OverlayCluster(2, network: Self.network, flags: ["--ip-masq"])
        try cluster.start()
        let node = cluster.nodes[0]
        let list = "/run/cni/net.d/10-flannel.conflist"
        #expect(File.isRegular(node.host.path(list)))
        let subnet = try node.environment("FLANNEL_SUBNET")
        try node.stop(SIGKILL)
        // What a reboot does: /run is emptied, devices and rules are gone, the disk is not; and the uplink is late.
        try node.host.shell(
            """
            rm -rf /run/flannel
            ip link del flannel.1; ip link del flannel-v6.1; nft flush ruleset
            ip link set eth0 down
            """
        )
        try node.start()
        try node.wait("the old list's removal") { !File.isRegular(node.host.path(list)) }
        // Not the first word: that is of the store, which has not been read yet.
        try node.wait("a word on why it waits") {
            node.state == "starting" && node.lastError.contains("no interface has a default route")
        }
        #expect(!File.isRegular(node.host.path("/run/flannel/subnet.env")))
        let status = try node.plugin("STATUS")
        #expect(status.contains("\"code\":50") || status.contains("\"code\": 50"), "\(status)")
        #expect(status.contains("no interface has a default route"), "\(status)")
        let add = try node.plugin("ADD")
        #expect(add.contains("no interface has a default route"), "\(add)")

        try OverlayCluster.bringUplinkUp(node.host, 1)
        try cluster.waitUntilMeshed()
        #expect(File.isRegular(node.host.path(list)))
        #expect(try node.environment("FLANNEL_SUBNET") == subnet)
        #expect(try node.plugin("STATUS").isEmpty)
        try cluster.expectMesh(try cluster.attachContainers())
    }

    @Test func `a node that was removed meanwhile is gone after the start, and what others made stays`() throws {
        let cluster = try OverlayCluster(3, network: Self.network)
        try cluster.start()
        let (node, gone) = (cluster.nodes[0], cluster.nodes[2])
        let subnets = try ["FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET"].map {
            try #require(IPPrefix(try gone.environment($0))).network
        }
        try node.stop()
        try gone.stop()
        try gone.host.run("\(BuiltProducts.directory)/flanneld", "cleanup", "--store", "file://\(cluster.shared)")
        try node.host.shell(
            """
            ip route add 10.244.200.0/24 via 10.244.200.0 dev flannel.1 onlink proto static
            ip route add 198.51.100.0/24 via 192.0.1.9
            ip neighbour add 10.244.200.0 lladdr 02:00:00:00:00:09 dev eth0
            """
        )
        try node.start()
        try node.wait("the removal of the node's routes") { try node.routeCount(.v4) == 1 && node.routeCount(.v6) == 1 }
        let state = try node.host.shell(
            "ip route; ip -6 route; ip neighbour show nud permanent; bridge fdb show dev flannel.1; bridge fdb show dev flannel-v6.1"
        )
        for subnet in subnets { #expect(!state.contains("\(subnet.first)"), "\(state)") }
        #expect(!state.contains("dst 192.0.1.3"), "\(state)")
        #expect(state.contains("10.244.200.0/24 via 10.244.200.0 dev flannel.1 proto static onlink"))
        #expect(state.contains("198.51.100.0/24"))
        #expect(state.contains("10.244.200.0 dev eth0"))
        let status = try node.host.run("\(BuiltProducts.directory)/flanneld", "status")
        #expect(status.contains("10.244.200.0/24"), "\(status)")
    }

    @Test func `without its underlay routes a node says so, and goes on when they are back`() throws {
        let cluster = try OverlayCluster(2, network: Self.network, segmentOf: { $0 })
        try cluster.start()
        let addresses = try cluster.attachContainers()
        let node = cluster.nodes[0]
        try node.host.shell("ip route flush default; ip -6 route flush default")
        try node.wait("a word on it", atMost: .seconds(2)) { node.state == "degraded" }
        #expect(try node.plugin("STATUS").contains("default route"))
        try OverlayCluster.bringUplinkUp(node.host, 1)
        try node.wait("being ready again", atMost: .milliseconds(500)) { node.isReady }
        try cluster.expectMesh(addresses)
    }
}

extension String {
    /// The parts between occurrences of a text.
    func components(of text: String) -> [Substring] { split(separator: text, omittingEmptySubsequences: false) }

    @Test func `a route that drops packets for no container comes and goes with the flag, and with cleanup`() throws {
        let cluster = try OverlayCluster(2, network: FollowingTests.network, flags: ["--ip-blackhole-route"])
        for node in cluster.nodes { try node.start() }
        for node in cluster.nodes { try node.wait("being ready") { node.isReady } }
        let addresses = try cluster.attachContainers()
        try cluster.waitUntilMended("the start", addresses)
        let node = cluster.nodes[0]
        func count() throws -> Int {
            let text = try node.host.shell("ip -4 route show type blackhole; ip -6 route show type blackhole")
            return text.split(separator: "\n").count { $0.contains("proto 70") }
        }
        #expect(try count() == 2)
        try node.host.shell("for family in -4 -6; do ip $family route flush type blackhole; done")
        try node.wait("the routes being back", atMost: .seconds(2)) { try count() == 2 }
        try cluster.expectMesh(addresses)
        try node.stop()
        #expect(try count() == 2)
        try node.start("--ip-blackhole-route=false")
        try node.wait("the routes being gone") { try count() == 0 }
        try node.stop()
        try node.start()
        try node.wait("the routes being there again") { try count() == 2 }
        try node.stop()
        try node.host.run("\(BuiltProducts.directory)/flanneld", "cleanup", "--store", "file://\(cluster.shared)")
        #expect(try count() == 0)
    }
}
