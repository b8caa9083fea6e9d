// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct EndingTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `who is asked to end ends well, leaves the overlay, and keeps what it knew`(signal: Int32) throws {
        let network = #"{"Network":"10.244.0.0/16"}"#
        let cluster = try OverlayCluster(2, network: network, flags: ["--healthz-port", "8081"])
        try cluster.start([.v4])
        let addresses = try cluster.attachContainers()
        for node in cluster.nodes {
            #expect(try node.stop(signal) == .exited(0), "\(node.logged)")
            #expect(node.logged.contains("ends; what is programmed stays"))
            #expect(File.isRegular(node.host.path("/var/lib/flannel/last-known.json")))
            #expect(node.state == "ready")
        }
        try cluster.expectMesh(addresses)
    }

    @Test(arguments: ["last-known.json", "flanneld.json"])
    func `cleanup goes on without a file that is torn`(torn: String) throws {
        let cluster = try OverlayCluster(2, network: #"{"Network":"10.244.0.0/16"}"#, flags: ["--ip-blackhole-route"])
        for node in cluster.nodes { try node.start() }
        let node = cluster.nodes[0]
        func routes() throws -> Int {
            try node.host.run("ip", "route").split(separator: "\n").count {
                $0.contains(" 10.244.") || $0.hasPrefix("10.244.")
            }
        }
        try node.wait("a route to the other node and one for its own subnet") { try routes() == 2 && node.isReady }
        try node.wait("what is kept for the next boot") {
            File.isRegular(node.host.path("/var/lib/flannel/last-known.json"))
        }
        try node.stop()
        try File.replace(node.host.path("/var/lib/flannel/\(torn)"), with: Array(#"{"configuration":{"Netw"#.utf8))
        #expect(try node.cleanUp().contains("/\(torn): "))
        #expect(try routes() == 0)
        #expect(try node.host.shell("ip -br link show type vxlan").isEmpty)
        #expect(!File.isRegular(node.host.path("/var/lib/flannel/\(torn)")))
        #expect(try Directory.names(in: "\(cluster.shared)/subnets").filter { !$0.hasPrefix(".") }.count == 1)
    }
}
