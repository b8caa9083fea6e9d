// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
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
}
