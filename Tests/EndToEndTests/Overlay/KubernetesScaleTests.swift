// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// What a large Kubernetes cluster costs a node.
@Suite(.requiresProducts("flanneld"), .serialized)
struct KubernetesScaleTests {
    /// How many other nodes there are: 5,000 in the long form.
    private static var peers: Int { BuiltProducts.runsLong ? 5_000 : 500 }
    /// How often kubelets write their nodes, one after the other.
    private static var updates: Int { BuiltProducts.runsLong ? 5_000 : 500 }

    /// A node of 8 KB, as flannel leaves it.
    private static func peer(_ number: Int) -> JSONValue {
        let digits = String(0x100_0000 + number, radix: 16).dropFirst()
        let pairs = [digits.prefix(2), digits.dropFirst(2).prefix(2), digits.suffix(2)].joined(separator: ":")
        return NodeDocument.make(
            "other\(number)",
            podCIDRs: ["10.\(number / 250).\(number % 250).0/24"],
            annotations: [
                "\(OverlayCluster.prefix)kube-subnet-manager": "true",
                "\(OverlayCluster.prefix)backend-type": "vxlan",
                "\(OverlayCluster.prefix)backend-data": "{\"VNI\":1,\"VtepMAC\":\"02:00:00:\(pairs)\"}",
                "\(OverlayCluster.prefix)public-ip": "198.18.\(number / 250).\(number % 250 + 1)",
            ],
            images: 50
        )
    }

    @Test func `all nodes are reached soon, and what kubelets write costs next to nothing`() throws {
        let cluster = try OverlayCluster(
            1,
            network: #"{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan"}}"#,
            store: .kubernetes,
            flags: ["--healthz-port", "8081"]
        )
        let (node, api) = (cluster.nodes[0], try cluster.api)
        api.put((1...Self.peers).map(Self.peer))
        let start = try Timing.milliseconds {
            try node.start()
            try node.wait("being ready", atMost: .seconds(60)) { node.isReady }
        }
        let startTime = try node.processorTime()
        #expect(try node.routeCount(.v4) == Self.peers)
        // What follows a start, such as what is kept for the next boot, is done by then.
        sleep(3)
        let before = (try node.processorTime(), try node.metric("flanneld_reconcile_runs_total"))
        // One after the other, with no pause: a burst, of which the long form's 5,000 are 40 MB.
        let burst = try Timing.milliseconds {
            for number in 1...Self.updates {
                let time = JSONValue.string("2026-11-23T20:00:00Z")
                api.patch(
                    "other\((number - 1) % Self.peers + 1)",
                    with: [
                        "status": [
                            "conditions": [
                                ["type": "Ready", "lastHeartbeatTime": time, "count": .integer(Int64(number))]
                            ]
                        ]
                    ]
                )
            }
            // Behind all of that one that matters.
            api.put(Self.peer(Self.peers + 1))
            try node.wait("one more node", atMost: .seconds(60)) { try node.routeCount(.v4) == Self.peers + 1 }
        }
        let used = (try node.processorTime() - before.0) / Double(Self.updates)
        let (resident, peak) = (try node.megabytes("VmRSS"), try node.megabytes("VmHWM"))
        print(
            "Kubernetes, \(Self.peers) nodes: ready after \(Timing.text(start)) ms and \(Timing.text(startTime)) ms of"
                + " processor time, \(Timing.text(used)) ms for an update of \(Self.updates) in \(Timing.text(burst)) ms;"
                + " resident \(Timing.text(resident)) MB, peak \(Timing.text(peak)) MB"
        )
        // The node that came, and perhaps a check of each minute.
        #expect(try node.metric("flanneld_reconcile_runs_total") - before.1 <= 2)
        #expect(start <= 5_000)
        // 5,000 updates in five minutes are 2 % of a processor then.
        #expect(used <= 1.2)
        #expect(resident <= 40)
        // Whatever is not read yet stays with the server.
        #expect(peak <= 50)
        if BuiltProducts.runsLong { #expect(Double(Self.updates) / burst * 1_000 >= 500, "that was no burst") }
        try cluster.expectGoodManners()
    }
}
