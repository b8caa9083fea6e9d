// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import KubernetesTesting
internal import Overlay
internal import OverlayKubernetes
internal import Testing

/// What a node knows of the others, and of itself.
@Suite(.timeLimit(.minutes(1))) struct SnapshotTests {
    private let cluster: OverlayCluster

    init() throws {
        cluster = try OverlayCluster()
        cluster.server.put(
            NodeDocument.make("mine", podCIDRs: ["10.244.1.0/24"], images: 50),
            cluster.flannelNode("other", 2)
        )
    }

    private func subnets(_ snapshot: SubnetSnapshot) -> [String] {
        snapshot.peers.compactMap { $0.subnets.v4?.description }
    }

    @Test func `leases of flannel's nodes are read as they are, in the order of the names`() async throws {
        cluster.server.put(
            cluster.flannelNode("aaa", 7),
            // Not part of the overlay, or not yet.
            NodeDocument.make("plain", podCIDRs: ["10.244.8.0/24"]),
            NodeDocument.make("early", annotations: ["\(flannel)kube-subnet-manager": "true"]),
            NodeDocument.make(
                "direct",
                podCIDRs: ["10.244.9.0/24", "fd00:10:0:9::/64"],
                annotations: [
                    "\(flannel)kube-subnet-manager": "true", "\(flannel)backend-type": "host-gw",
                    "\(flannel)backend-data": "null", "\(flannel)backend-v6-data": "null",
                    "\(flannel)public-ip": "192.0.2.9", "\(flannel)public-ipv6": "2001:db8::9",
                ]
            )
        )
        try await cluster.withStore { store in
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.peers.count == 3 }
                let snapshot = try #require(reader.last)
                #expect(subnets(snapshot) == ["10.244.7.0/24", "10.244.9.0/24", "10.244.2.0/24"])
                #expect(snapshot.peers[0].attributes.vxlanEndpoints.v4?.mac.description == "c6:d2:32:6f:8f:17")
                #expect(snapshot.peers[1].subnets.v6 == IPPrefix("fd00:10:0:9::/64"))
                #expect(snapshot.peers[1].attributes.publicAddresses.v6 == IPAddress("2001:db8::9"))
                #expect(snapshot.peers[1].attributes.backendType == .hostGateway)
                #expect(snapshot.peers[1].attributes.backendData == PerFamily())
                #expect(snapshot.own == nil)
                #expect(snapshot.problems.isEmpty)
            }
        }
    }

    @Test func `the kubelets' updates tell nobody anything`() async throws {
        try await cluster.withStore { store in
            let lease = try await cluster.hold(store)
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.own == lease && $0.peers.count == 1 }
                let count = reader.count
                for minute in 10..<40 {
                    for name in ["mine", "other"] {
                        let time = JSONValue.string("2026-11-23T20:\(minute):00Z")
                        cluster.server.patch(
                            name,
                            with: ["status": ["conditions": [["type": "Ready", "lastHeartbeatTime": time]]]]
                        )
                    }
                }
                cluster.server.put(cluster.flannelNode("third", 3))
                try await reader.wait { $0.peers.count == 2 }
                #expect(reader.count == count + 1)
            }
        }
    }

    @Test func `a change of one family alone, of a subnet, and a node made anew are followed`() async throws {
        try await cluster.withStore { store in
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.peers.count == 1 }
                let data = "{\"VNI\":1,\"VtepMAC\":\"c6:00:00:00:00:01\"}"
                cluster.server.patch(
                    "other",
                    with: ["metadata": ["annotations": ["\(flannel)backend-v6-data": .string(data)]]]
                )
                try await reader.wait { $0.peers.first?.attributes.vxlanEndpoints.v6 != nil }
                cluster.server.patch("other", with: ["spec": ["podCIDRs": ["10.244.5.0/24"]]])
                try await reader.wait { subnets($0) == ["10.244.5.0/24"] }
                cluster.server.delete("other")
                try await reader.wait { $0.peers.isEmpty }
                cluster.server.put(cluster.flannelNode("other", 2))
                try await reader.wait { subnets($0) == ["10.244.2.0/24"] }
                // Deleted and made anew while nobody looked, without anything of before.
                cluster.server.closeConnections()
                cluster.server.delete("other")
                cluster.server.put(NodeDocument.make("other", uid: "another", podCIDRs: ["10.244.2.0/24"]))
                cluster.server.compact()
                try await reader.wait { $0.peers.isEmpty }
            }
        }
    }

    @Test func `of nonsense the last good word counts, of the same node only`() async throws {
        try await cluster.withStore { store in
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.peers.count == 1 }
                cluster.server.patch("other", with: ["metadata": ["annotations": ["\(flannel)public-ip": "nonsense"]]])
                try await reader.wait { $0.problems.count == 1 }
                #expect(reader.last?.peers.first?.attributes.publicAddresses.v4 == IPAddress("192.0.2.2"))
                #expect(reader.last?.problems.first?.description.contains("\"nonsense\"") == true)
                cluster.server.patch("other", with: ["metadata": ["uid": "another"]])
                try await reader.wait { $0.peers.isEmpty && $0.problems.count == 1 }
                cluster.server.put(cluster.flannelNode("other", 2))
                try await reader.wait { $0.peers.count == 1 && $0.problems.isEmpty }
            }
        }
    }

    /// Changes something of the own node: the lease has to be gone from the snapshots, and back once it is held again.
    private func expectReclaim(_ patch: JSONValue) async throws {
        try await expectAsked(patch) { $0.own == nil }
    }

    /// Changes something that the own lease depends on: it is to be held again, and others go by it meanwhile.
    private func expectDue(_ patch: JSONValue) async throws {
        try await expectAsked(patch) { $0.own != nil && $0.isHoldDue }
    }

    private func expectAsked(_ patch: JSONValue, _ condition: (SubnetSnapshot) -> Bool) async throws {
        try await cluster.withStore { store in
            _ = try await store.addressHints()
            try await cluster.hold(store)
            try await store.announceReadiness()
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.own != nil && !$0.isHoldDue }
                cluster.server.patch("mine", with: patch)
                try await reader.wait(condition)
                _ = try await store.addressHints()
                let lease = try await cluster.hold(store)
                try await reader.wait { $0.own == lease && !$0.isHoldDue }
            }
        }
    }

    @Test func `what somebody changes of the own node is published again`() async throws {
        let texts: [(String, JSONValue)] = [
            ("backend-data", "null"), ("kube-subnet-manager", .null), ("public-ip", "192.0.2.99"),
        ]
        for (key, text) in texts { try await expectReclaim(["metadata": ["annotations": [flannel + key: text]]]) }
    }

    @Test func `what somebody wants of the own node is told, and others go by the lease meanwhile`() async throws {
        let texts: [(String, JSONValue)] = [("public-ip-overwrite", "203.0.113.1"), ("node-public-ip", "192.0.2.55")]
        for (key, text) in texts { try await expectDue(["metadata": ["annotations": [flannel + key: text]]]) }
        try await expectDue(["status": ["addresses": [["type": "InternalIP", "address": "192.0.2.66"]]]])
        #expect(cluster.annotations(of: "mine")["public-ip"] == "203.0.113.1")
    }

    @Test func `a changed subnet, another node of the same name, and the condition are followed`() async throws {
        try await expectReclaim(["spec": ["podCIDRs": ["10.244.77.0/24"]]])
        try await expectReclaim(["metadata": ["uid": "another"]])
        try await expectDue(["status": ["conditions": [["type": "NetworkUnavailable", "status": "True"]]]])
        #expect(cluster.server.networkUnavailable(of: "mine")?.object?["status"] == "False")
    }

    @Test func `a lease that was published before is there, and due`() async throws {
        let before = try await cluster.withStore { store in try await cluster.hold(store) }
        try await cluster.withStore { store in
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.peers.count == 1 && $0.own == before && $0.isHoldDue }
                let lease = try await cluster.hold(store)
                try await reader.wait { $0.own == lease && !$0.isHoldDue }
            }
        }
    }

    @Test func `an outage is told, and what was known goes on being used`() async throws {
        try await cluster.withStore { store in
            let lease = try await cluster.hold(store)
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.own == lease }
                cluster.server.stop()
                try await reader.wait { $0.outage != nil }
                #expect(reader.last?.outage?.code == .storeUnavailable)
                #expect(reader.last?.peers.count == 1)
                #expect(reader.last?.own == lease)
                cluster.server.put(cluster.flannelNode("third", 3))
                try cluster.server.start()
                try await reader.wait { $0.outage == nil && $0.peers.count == 2 }
            }
        }
    }

    @Test func `an API that is away at first is told`() async throws {
        cluster.server.stop()
        try await cluster.withStore { store in
            try await SnapshotReader.during(store) { reader in
                try await reader.wait { $0.outage != nil && $0.peers.isEmpty && $0.own == nil }
                try cluster.server.start()
                try await reader.wait { $0.outage == nil && $0.peers.count == 1 }
            }
        }
    }
}
