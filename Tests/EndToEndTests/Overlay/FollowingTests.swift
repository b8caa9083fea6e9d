// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"),
    .requiresPrograms("etcd", "etcdctl"),
    .serialized
)
struct FollowingTests {
    static let network =
        #"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10:244::/48","Backend":{"Type":"vxlan"}}"#

    @Test(arguments: [OverlayStore.directory, .etcd, .kubernetes])
    func `another address of the uplink is followed at once by the node and by its peers`(store: OverlayStore) throws {
        let cluster = try OverlayCluster(2, network: Self.network, store: store)
        try cluster.start()
        let addresses = try cluster.attachContainers()
        // The second time it is the node whose connections to the store were made from an address that it had.
        for (node, peer) in [(cluster.nodes[0], cluster.nodes[1]), (cluster.nodes[1], cluster.nodes[0])] {
            let number = node.number
            func devices() throws -> String { try node.host.shell("ip -o link show type vxlan | cut -d: -f1") }
            let before = try devices()
            try node.host.shell(
                """
                ip address del 192.0.1.\(number)/24 dev eth0; ip address add 192.0.1.10\(number)/24 dev eth0
                ip route replace default via 192.0.1.254
                ip address del 2001:db8:1::\(number)/64 dev eth0
                ip address add 2001:db8:1::10\(number)/64 dev eth0 nodad
                ip -6 route replace default via 2001:db8:1::fe
                """
            )
            for (device, prefix) in [("flannel.1", "192.0.1."), ("flannel-v6.1", "2001:db8:1::")] {
                let address = "\(prefix)10\(number)"
                try node.wait("\(address) as the tunnel's own", atMost: .seconds(2)) {
                    try node.host.run("ip", "-d", "link", "show", device).contains("local \(address) ")
                }
                try peer.wait("\(address) as the peer's", atMost: .seconds(2)) {
                    let entries = try peer.host.run("bridge", "fdb", "show", "dev", device)
                    return entries.contains("dst \(address) ") && !entries.contains("dst \(prefix)\(number) ")
                }
            }
            // The devices are the same, with all that is on them.
            #expect(try devices() == before)
            try node.wait("being ready") { node.isReady }
            try cluster.expectMesh(addresses)
        }
    }

    @Test func `an address that is away before another comes is neither taken back nor replaced by a makeshift`() throws
    {
        let cluster = try OverlayCluster(2, network: Self.network)
        try cluster.start()
        let addresses = try cluster.attachContainers()
        let (node, peer) = (cluster.nodes[0], cluster.nodes[1])
        let key = try node.environment("FLANNEL_SUBNET").replacing("1/24", with: "0-24")
        var told: [String] = []
        func note() throws {
            let name = try Directory.names(in: "\(cluster.shared)/subnets").first { $0.hasPrefix(key) }
            let text = String(decoding: try File.contents(of: "\(cluster.shared)/subnets/\(name ?? "")"), as: UTF8.self)
            let words = text.split(separator: "\"")
            let place = try #require(words.firstIndex(of: "PublicIPv6"))
            let value = String(words[place + 1] == ":" ? words[place + 2] : words[place + 1])
            if value != told.last { told.append(value) }
        }
        func note(_ step: String, for seconds: Double) throws {
            try node.host.shell(step)
            for _ in 0..<Int(seconds / 0.005) {
                try note()
                usleep(5_000)
            }
        }
        try note("true", for: 0.1)
        try note("ip -6 address del 2001:db8:1::1/64 dev eth0", for: 0.5)
        // A daemon that starts now knows nothing but what the lease says.
        try node.stop()
        try node.start()
        try note("true", for: 1.5)
        try note("ip -6 address add 2001:db8:1::101/64 dev eth0 nodad", for: 0.1)
        try note("ip -6 route replace default via 2001:db8:1::fe", for: 0.5)
        try node.wait("being ready") { node.isReady }
        try note()
        #expect(told == ["2001:db8:1::1", "2001:db8:1::101"])
        try peer.wait("the new address") {
            try peer.host.run("bridge", "fdb", "show", "dev", "flannel-v6.1").contains("dst 2001:db8:1::101 ")
        }
        try cluster.waitUntilMended("the change", addresses)
    }

    @Test func `a lease that is gone for a moment costs no packet, and one that stays away is let go`() throws {
        let cluster = try OverlayCluster(2, network: Self.network)
        try cluster.start()
        let addresses = try cluster.attachContainers()
        try cluster.waitUntilMended("the start", addresses)
        let (node, peer) = (cluster.nodes[0], cluster.nodes[1])
        let key = "\(try peer.environment("FLANNEL_SUBNET").replacing("1/", with: "0-"))"
        let names = try Directory.names(in: "\(cluster.shared)/subnets").filter { $0.hasPrefix(key) }
        let file = "\(cluster.shared)/subnets/\(try #require(names.first))"
        let text = try node.pinging(try #require(addresses[1].v4), from: "c1", count: 300, milliseconds: 10) {
            usleep(500_000)
            try File.remove(file)
        }
        #expect(text.contains("300 packets transmitted, 300 received"), "\(text)")
        try node.wait("the lease being back") { File.isRegular(file) }
        // Of one that nobody takes again nothing is left.
        let stranger = "\(cluster.shared)/subnets/10.244.250.0-24.json"
        let lease =
            #"{"PublicIP":"192.0.1.77","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:77"}}"#
        try File.replace(stranger, with: Array(lease.utf8), mode: 0o644)
        func holdsRoute() throws -> Bool { try node.host.run("ip", "route").contains("10.244.250.0/24") }
        try node.wait("a route to it") { try holdsRoute() }
        try File.remove(stranger)
        usleep(500_000)
        #expect(try holdsRoute())
        try node.wait("no route to it", atMost: .seconds(3)) { try !holdsRoute() }
        let entries = try node.host.shell("ip neighbour show dev flannel.1; bridge fdb show dev flannel.1")
        #expect(!entries.contains("02:00:00:00:00:77"), "\(entries)")
        try cluster.expectMesh(addresses)
    }

    @Test func `another uplink, with another number, is followed`() throws {
        let cluster = try OverlayCluster(2, network: Self.network)
        try cluster.start()
        let addresses = try cluster.attachContainers()
        let node = cluster.nodes[0]
        try node.host.run("ip", "link", "del", "eth0")
        try node.wait("a word on it") { node.state == "degraded" }
        try cluster.segments.connect("n1", to: node.host, as: "eth0")
        try cluster.segments.run("ip", "link", "set", "n1", "master", "s1", "up")
        try OverlayCluster.bringUplinkUp(node.host, 1)
        try node.wait("being ready") { node.isReady }
        try cluster.expectMesh(addresses)
    }

    @Test func `the uplink's MTU is followed by the device and by subnet.env`() throws {
        let cluster = try OverlayCluster(2, network: Self.network)
        try cluster.start()
        let node = cluster.nodes[0]
        #expect(try node.environment("FLANNEL_MTU") == "1430")
        try node.host.run("ip", "link", "set", "eth0", "mtu", "1400")
        try node.wait("the device's MTU") { try node.host.run("ip", "link", "show", "flannel.1").contains("mtu 1350 ") }
        try node.wait("the file's MTU") { try node.environment("FLANNEL_MTU") == "1330" }
        try node.host.run("ip", "link", "set", "eth0", "mtu", "1500")
        try node.wait("the file's MTU") { try node.environment("FLANNEL_MTU") == "1430" }
    }

    @Test func `another configuration is taken up with SIGHUP, and the old devices go`() throws {
        let cluster = try OverlayCluster(2, network: Self.network)
        try cluster.start()
        let addresses = try cluster.attachContainers()
        for backend in [#"{"Type":"vxlan","VNI":9,"Port":4789}"#, #"{"Type":"host-gw"}"#, #"{"Type":"vxlan"}"#] {
            let text = Self.network.replacing(#"{"Type":"vxlan"}"#, with: backend)
            try File.replace("\(cluster.shared)/config.json", with: Array(text.utf8), mode: 0o644)
            for node in cluster.nodes { try node.send(SIGHUP) }
            let expected =
                backend.contains("VNI")
                ? ["flannel-v6.9", "flannel.9"] : backend.contains("host-gw") ? [] : ["flannel-v6.1", "flannel.1"]
            for node in cluster.nodes {
                try node.wait("devices \(expected)") {
                    let links = try node.host.shell("ip -br link show type vxlan | cut -d' ' -f1 | sort")
                    return links.split(separator: "\n").map(String.init) == expected
                }
                for family in AddressFamily.allCases {
                    try node.wait("routes") { try node.routeCount(family) == 1 }
                }
            }
            try cluster.waitUntilMeshed()
            try cluster.expectMesh(addresses)
        }
    }

    @Test func `what flannel left is taken over without a packet lost`() throws {
        let cluster = try OverlayCluster(2, network: Self.network, flags: ["--ip-masq"])
        try cluster.start()
        let addresses = try cluster.attachContainers()
        let node = cluster.nodes[0]
        try node.stop()
        // As if flannel had made it: routes without a mark of ours, an older peer's among them, iptables' rules, and
        // nothing written down by us.
        try node.host.shell(
            """
            rm -f /var/lib/flannel/flanneld.json
            for family in -4 -6; do
                ip $family route show proto 70 | sed 's/proto 70//; s/metric 1024//; s/pref medium//' |
                    while read -r route; do ip $family route flush proto 70; ip $family route add $route; done
            done
            ip route add 10.244.250.0/24 via 10.244.250.0 dev flannel.1 onlink
            nft delete table inet flannel
            iptables -t nat -N FLANNEL-POSTRTG
            iptables -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
            iptables -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE
            """
        )
        let before = try node.host.run("ip", "-o", "link", "show", "flannel.1").split(separator: ":").first
        let target = try #require(addresses[1].v4)
        let words = node.host.entering([
            "ip", "netns", "exec", "c1", "ping", "-n", "-q", "-i", "0.001", "-c", "1500", "-W", "2", "\(target)",
        ])
        var ping = try ChildProcess.start(words[0], arguments: Array(words.dropFirst()), environment: ["LC_ALL=C"])
        usleep(200_000)
        try node.start()
        for family in AddressFamily.allCases {
            try node.wait("our mark on the routes") { try node.routeCount(family) == 1 }
        }
        let text = String(decoding: try ping.wait().standardOutput, as: UTF8.self)
        #expect(text.contains("1500 packets transmitted, 1500 received"), "\(text)")
        #expect(try node.host.run("ip", "-o", "link", "show", "flannel.1").split(separator: ":").first == before)
        try node.wait("the removal of what leads nowhere") {
            try !node.host.run("ip", "route").contains("10.244.250.0")
        }
        #expect(try !node.host.run("iptables-save").contains("FLANNEL"))
        try cluster.expectMesh(addresses)
    }

    @Test func `cleanup leaves nothing`() throws {
        let cluster = try OverlayCluster(2, network: Self.network, flags: ["--ip-masq"])
        let node = cluster.nodes[0]
        let state = """
            ip -br link | sed 's/@.*//'; ip -br address show dev eth0; ip route; ip -6 route; nft list ruleset; ls /run/flannel /run/cni/net.d \
            /var/lib/flannel 2>/dev/null || true
            """
        let before = try node.host.shell(state)
        try cluster.start()
        let refused = try node.host.outcome("\(BuiltProducts.directory)/flanneld", "cleanup")
        #expect(refused.termination == .exited(1))
        #expect(String(decoding: refused.standardError, as: UTF8.self).contains("another flanneld runs"))
        try node.stop()
        try node.cleanUp()
        let after = try node.host.shell(state)
        let left = Set(after.split(separator: "\n")).subtracting(before.split(separator: "\n"))
        // The node's identity in the store stays: it is the same node when it comes again.
        #expect(left.allSatisfy { $0.hasPrefix("/") || $0 == "node-id" || $0 == "stores" }, "\(left.sorted())")
        #expect(try Directory.names(in: "\(cluster.shared)/subnets").filter { !$0.hasPrefix(".") }.count == 1)
        // It can be repeated.
        try node.cleanUp()
    }

    @Test func `a supervisor, a probe and a person are told the truth`() throws {
        let cluster = try OverlayCluster(2, network: Self.network)
        let node = cluster.nodes[0]
        try node.host.run("ip", "link", "set", "eth0", "down")
        try node.start("--healthz-ip", "127.0.0.1", "--healthz-port", "8081")
        let ask = { (path: String) in
            try node.host.shell(
                """
                bash -c 'exec 3<>/dev/tcp/127.0.0.1/8081; printf "GET \(path) HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
                """
            )
        }
        try node.wait("an answer") { (try? ask("/healthz"))?.contains("200 OK") == true }
        let waiting = try ask("/readyz")
        #expect(waiting.contains("503 ") && waiting.contains("no interface has a default route"), "\(waiting)")
        let refused = try node.host.outcome("\(BuiltProducts.directory)/flanneld", "status")
        #expect(refused.termination == .exited(1))
        try OverlayCluster.bringUplinkUp(node.host, 1)
        try cluster.nodes[1].start()
        try cluster.waitUntilMeshed()
        #expect(try ask("/readyz").contains("200 OK"))
        let metrics = try ask("/metrics")
        for line in [
            "flanneld_ready 1", "flanneld_peers_desired 2", "flanneld_peers_programmed 2", "flanneld_store_up 1",
        ] {
            #expect(metrics.contains("\n\(line)\n"), "\(metrics)")
        }
        let status = try node.host.run("\(BuiltProducts.directory)/flanneld", "status")
        #expect(status.hasPrefix("ready since "), "\(status)")
        #expect(status.contains("2 of 2 programmed"), "\(status)")
        let second = try node.host.outcome("\(BuiltProducts.directory)/flanneld")
        #expect(second.termination == .exited(1))
        // Nor with files of its own: both would keep the same table of rules.
        let files = ["--subnet-file", "/run/other/subnet.env", "--state-dir", "/run/other", "--cni-conf-dir", ""]
        for words in [[], ["cleanup"]] {
            let command = ["timeout", "5", "\(BuiltProducts.directory)/flanneld"] + words + files + node.flags
            let other = try Command.outcome(node.host.entering(command))
            #expect(other.termination == .exited(1))
            let said = String(decoding: other.standardError, as: UTF8.self)
            #expect(said.contains("another flanneld runs in this network namespace"), "\(said)")
        }
        #expect(node.isReady)
        let wrong = try node.host.outcome("\(BuiltProducts.directory)/flanneld", "--healthz-port", "many")
        #expect(wrong.termination == .exited(2))
        #expect(String(decoding: wrong.standardError, as: UTF8.self).contains("many"))
    }
}
