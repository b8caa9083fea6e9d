// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import KubernetesTesting
import LinuxTesting
import Testing

/// That flanneld does not ask more of the API than it has to.
@Suite(.requiresProducts("flanneld"), .serialized)
struct KubernetesMannersTests {
    @Test func `a node with a wrong override does not ask again with each change in the cluster`() throws {
        let cluster = try OverlayCluster(1, network: KubernetesOverlayTests.network, store: .kubernetes)
        let (api, node) = (try cluster.api, cluster.nodes[0])
        try node.start()
        try node.wait("being ready") { node.isReady }
        api.patch("node1", with: OverlayCluster.annotation("public-ip-overwrite", "192.0.1"))
        try node.wait("a word on the slip") { node.lastError.contains("public-ip-overwrite") }
        let count = api.requests(.get).count
        for number in 0..<50 {
            api.put(NodeDocument.make("other\(number)", podCIDRs: ["10.244.\(number + 100).0/24"]))
            usleep(10_000)
        }
        #expect(api.requests(.get).count < count + 20)
        #expect(node.isReady)
    }
}
