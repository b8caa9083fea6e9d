// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import LinuxTesting
import Testing

extension FollowingTests {
    @Test func `the routes of a former network go, whenever it was changed, and with cleanup at the latest`() throws {
        func text(_ second: Int, isDual: Bool = true) -> String {
            let networks =
                #""Network":"10.\#(second).0.0/16","EnableIPv6":\#(isDual),"IPv6Network":"fd00:\#(second)::/48""#
            return #"{\#(networks),"Backend":{"Type":"host-gw"}}"#
        }
        let cluster = try OverlayCluster(2, network: text(10), flags: ["--ip-blackhole-route"])
        for node in cluster.nodes { try node.start() }
        func ours(_ node: OverlayNode) throws -> [String] {
            try node.host.shell("ip route show proto 70; ip -6 route show proto 70").split(separator: "\n").map(
                String.init
            )
        }
        func expectOnly(_ words: [String], _ count: Int) throws {
            for node in cluster.nodes {
                try node.wait("routes of the present network alone") {
                    let routes = try ours(node)
                    return routes.count == count && routes.allSatisfy { route in words.contains { route.contains($0) } }
                }
            }
        }
        try expectOnly(["10.10.", "fd00:10:"], 4)
        func change(_ text: String) throws {
            try File.replace("\(cluster.shared)/config.json", with: Array(text.utf8), mode: 0o644)
        }
        try change(text(20))
        for node in cluster.nodes { try node.send(SIGHUP) }
        try expectOnly(["10.20.", "fd00:20:"], 4)
        for node in cluster.nodes { try node.stop() }
        try change(text(30))
        for node in cluster.nodes { try node.start() }
        try expectOnly(["10.30.", "fd00:30:"], 4)
        try change(text(30, isDual: false))
        for node in cluster.nodes { try node.send(SIGHUP) }
        try expectOnly(["10.30."], 2)
        // As if it had been killed before it could remove them.
        let node = cluster.nodes[0]
        try node.stop()
        try node.host.shell(
            """
            ip route add 10.40.7.0/24 via 192.0.1.2 proto 70
            sed -i 's|"10.30.0.0/16"|"10.30.0.0/16","10.40.0.0/16"|' /var/lib/flannel/flanneld.json
            """
        )
        try node.cleanUp()
        #expect(try ours(node).isEmpty)
    }
}
