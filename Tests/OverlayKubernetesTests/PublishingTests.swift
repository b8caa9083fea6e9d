// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import KubernetesTesting
internal import Overlay
internal import OverlayKubernetes
internal import Testing

/// What a node publishes, and what it waits for.
@Suite(.timeLimit(.minutes(1))) struct PublishingTests {
    @Test func `annotations are flannel's byte for byte`() async throws {
        let cluster = try OverlayCluster()
        cluster.server.put(NodeDocument.make("mine", podCIDRs: ["10.244.1.0/24"]))
        try await cluster.withStore { store in
            let lease = try await cluster.hold(store)
            let mac = try #require(lease.attributes.vxlanEndpoints.v4?.mac)
            #expect(
                cluster.annotations(of: "mine") == [
                    "backend-data": "{\"VNI\":1,\"VtepMAC\":\"\(mac)\"}", "backend-type": "vxlan",
                    "kube-subnet-manager": "true", "public-ip": "192.0.2.1",
                ]
            )
            #expect(lease.subnets == PerFamily(v4: IPPrefix("10.244.1.0/24")))
            // Once more changes nothing.
            let version = cluster.server.version
            try await cluster.hold(store)
            #expect(cluster.server.version == version)
            #expect(cluster.server.requests(.patchStatus).count == 1)
        }
    }

    @Test func `both families, host-gw without data, and an address that is away for a moment`() async throws {
        let cluster = try OverlayCluster.dual(backend: "host-gw")
        cluster.server.put(NodeDocument.make("mine", podCIDRs: ["10.244.1.0/24", "fd00:10:0:1::/64"]))
        try await cluster.withStore { store in
            let lease = try await cluster.hold(store, v6: "2001:db8::1")
            #expect(lease.subnets.v6 == IPPrefix("fd00:10:0:1::/64"))
            #expect(
                cluster.annotations(of: "mine") == [
                    "backend-data": "null", "backend-v6-data": "null", "backend-type": "host-gw",
                    "kube-subnet-manager": "true", "public-ip": "192.0.2.1", "public-ipv6": "2001:db8::1",
                ]
            )
            // The uplink has lost its IPv6 address: until it has another, others go on with what they know.
            try await cluster.hold(store)
            #expect(cluster.annotations(of: "mine")["public-ipv6"] == "2001:db8::1")
            #expect(cluster.annotations(of: "mine")["backend-v6-data"] == "null")
            try await store.releaseLease()
            #expect(cluster.annotations(of: "mine") == [:])
            try await store.releaseLease()
        }
    }

    @Test func `the address of the device that flannel published is kept`() async throws {
        let cluster = try OverlayCluster()
        cluster.server.put(cluster.flannelNode("mine", 1))
        let before = cluster.annotations(of: "mine")
        try await cluster.withStore { store in
            let lease = try await cluster.hold(store)
            #expect(lease.attributes.vxlanEndpoints.v4?.mac.description == "c6:d2:32:6f:8f:11")
        }
        #expect(cluster.annotations(of: "mine") == before)
        #expect(cluster.server.requests(.patchStatus).isEmpty)
    }

    @Test func `overrides are published instead, and hints are told`() async throws {
        let cluster = try OverlayCluster.dual()
        cluster.server.put(
            NodeDocument.make(
                "mine",
                podCIDRs: ["10.244.1.0/24", "fd00:10:0:1::/64"],
                addresses: ["192.0.2.7", "2001:db8::7"],
                annotations: [
                    "\(flannel)public-ip-overwrite": "203.0.113.5", "\(flannel)public-ipv6-overwrite": "2001:db8:ff::5",
                    "\(flannel)node-public-ip": "198.51.100.3",
                ]
            )
        )
        try await cluster.withStore { store in
            try await cluster.hold(store, v6: "2001:db8::1")
            #expect(cluster.annotations(of: "mine")["public-ip"] == "203.0.113.5")
            #expect(cluster.annotations(of: "mine")["public-ipv6"] == "2001:db8:ff::5")
            let hints = try await store.addressHints()
            #expect(hints.requested == PerFamily(v4: IPAddress("198.51.100.3")))
            #expect(hints.known == PerFamily(v4: IPAddress("192.0.2.7"), v6: IPAddress("2001:db8::7")))
            cluster.server.patch(
                "mine",
                with: ["metadata": ["annotations": ["\(flannel)public-ip-overwrite": "nonsense"]]]
            )
            await expectFailure(.malformedText, "public-ip-overwrite", "nonsense") { try await cluster.hold(store) }
        }
    }

    @Test func `a node that is missing or has no subnet is waited for, and one event says why`() async throws {
        let cluster = try OverlayCluster()
        try await cluster.withStore { store in
            for _ in 0..<3 {
                await expectFailure(.notGranted, "no node \"mine\"") { try await cluster.hold(store) }
            }
            #expect(cluster.server.events.count == 1)
            cluster.server.put(NodeDocument.make("mine"))
            for _ in 0..<3 {
                await expectFailure(.notGranted, "no IPv4 podCIDR", "--allocate-node-cidrs") {
                    try await cluster.hold(store)
                }
            }
            #expect(cluster.server.events.count == 2)
            let messages = cluster.server.events.values.compactMap { $0.object?["message"]?.string }
            #expect(messages.contains { $0.contains("podCIDR") })
            cluster.server.patch("mine", with: ["spec": ["podCIDRs": ["10.1.0.0/24"]]])
            await expectFailure(.configuration, "10.1.0.0/24", "--cluster-cidr") { try await cluster.hold(store) }
            cluster.server.patch("mine", with: ["spec": ["podCIDRs": ["10.244.9.0/24"]]])
            let lease = try await cluster.hold(store)
            #expect(lease.subnets.v4 == IPPrefix("10.244.9.0/24"))
            cluster.server.inject(.status(500, reason: "InternalError"), into: .get)
            await expectFailure(.storeUnavailable, "InternalError") { try await cluster.hold(store) }
            #expect(cluster.server.requests(.createEvent).count == 3)
            cluster.server.stop()
            await expectFailure(.storeUnavailable, "until the API is back") { try await cluster.hold(store) }
        }
    }

    @Test func `an event is told again while its reason holds, and made anew when it is forgotten`() async throws {
        let cluster = try OverlayCluster()
        try await cluster.withStore({ $0.reportPeriod = .zero }) { store in
            for _ in 0..<3 { await expectFailure(.notGranted) { try await cluster.hold(store) } }
            #expect(cluster.server.events.values.map { $0.object?["count"] } == [3])
            cluster.server.forgetEvents()
            await expectFailure(.notGranted) { try await cluster.hold(store) }
            #expect(cluster.server.events.values.map { $0.object?["count"] } == [1])
            #expect(cluster.server.requests(.createEvent).count == 2)
        }
    }

    @Test func `two daemons of one node do not write in turn for ever, and say why`() async throws {
        let cluster = try OverlayCluster()
        cluster.server.put(NodeDocument.make("mine", podCIDRs: ["10.244.1.0/24"]))
        try await cluster.withStore { first in
            try await cluster.withStore { second in
                for _ in 0..<6 {
                    try await cluster.hold(first)
                    try await cluster.hold(second, v4: "192.0.2.2")
                }
                for _ in 0..<3 {
                    await expectFailure(.duplicateNode, "\(flannel)public-ip", "NODE_NAME") {
                        try await cluster.hold(first)
                    }
                }
                #expect(cluster.annotations(of: "mine")["public-ip"] == "192.0.2.2")
                #expect(cluster.server.requests(.patchStatus).count == 12)
                #expect(cluster.server.events.count == 1)
                // What is new is not held back.
                try await cluster.hold(first, v4: "192.0.2.3")
                #expect(cluster.annotations(of: "mine")["public-ip"] == "192.0.2.3")
            }
        }
    }

    @Test func `where events are forbidden nothing else is disturbed, and they are tried once`() async throws {
        let cluster = try OverlayCluster()
        cluster.server.forbid([.createEvent])
        try await cluster.withStore { store in
            #expect(store.limitations == [])
            for _ in 0..<3 { await expectFailure(.notGranted) { try await cluster.hold(store) } }
            #expect(store.limitations.count == 1)
            #expect(cluster.server.requests(.createEvent).count == 1)
        }
    }

    @Test func `the condition is cleared once pods can be reached, unless that is somebody else's`() async throws {
        let cluster = try OverlayCluster()
        cluster.server.put(NodeDocument.make("mine", podCIDRs: ["10.244.1.0/24"]))
        let unavailable: JSONValue = ["status": ["conditions": [["type": "NetworkUnavailable", "status": "True"]]]]
        cluster.server.patch("mine", with: unavailable)
        func status() -> String? { cluster.server.networkUnavailable(of: "mine")?.object?["status"]?.string }
        try await cluster.withStore({ $0.clearsNetworkUnavailable = false }) { store in
            try await cluster.hold(store)
            try await store.announceReadiness()
            #expect(status() == "True")
        }
        try await cluster.withStore { store in
            try await cluster.hold(store)
            #expect(status() == "True")
            try await store.announceReadiness()
            #expect(status() == "False")
            #expect(cluster.server.networkUnavailable(of: "mine")?.object?["reason"] == "FlannelIsUp")
            let count = cluster.server.requests(.patchStatus).count
            try await store.announceReadiness()
            #expect(cluster.server.requests(.patchStatus).count == count)
            cluster.server.patch("mine", with: unavailable)
            try await cluster.hold(store)
            #expect(status() == "False")
        }
    }

    @Test func `a node is known by a pod on it, once the API can be asked`() async throws {
        let cluster = try OverlayCluster()
        cluster.server.put(NodeDocument.make("mine", podCIDRs: ["10.244.1.0/24"]), cluster.flannelNode("other", 2))
        let pod = KubernetesStoreOptions.NodeName.ofPod("flannel-x", namespace: "kube-flannel")
        try await cluster.withStore({ $0.node = pod }) { store in
            try await SnapshotReader.during(store) { reader in
                for node in [nil, ""] {
                    if let node { cluster.server.put(pod: "kube-flannel/flannel-x", on: node) }
                    await expectFailure(.notGranted, "kube-flannel/flannel-x", "POD_NAME") {
                        try await cluster.hold(store)
                    }
                }
                // Without a name this node could not be told from the others.
                #expect(reader.last == nil)
                cluster.server.put(pod: "kube-flannel/flannel-x", on: "mine")
                let lease = try await cluster.hold(store)
                try await reader.wait { $0.own == lease && $0.peers.count == 1 }
            }
            // A pod stays on its node.
            #expect(cluster.server.requests(.getPod).count == 3)
        }
    }

    @Test(arguments: [
        ("flannel.alpha.coreos.com", "flannel.alpha.coreos.com/"), ("a.example/", "a.example/"),
        ("a.example/b", "a.example/b-"),
        ("a.example/b-", "a.example/b-"),
    ])
    func `annotations begin as flannel has them`(prefix: String, full: String) async throws {
        let cluster = try OverlayCluster()
        cluster.server.put(NodeDocument.make("mine", podCIDRs: ["10.244.1.0/24"]))
        try await cluster.withStore({ $0.annotationPrefix = prefix }) { store in try await cluster.hold(store) }
        #expect(cluster.server.annotation("\(full)kube-subnet-manager", of: "mine") == "true")
    }

    @Test(arguments: ["", "a/b/c", "A.example", "a example", "a.example/ä"])
    func `what cannot begin annotations is refused`(prefix: String) async throws {
        let cluster = try OverlayCluster()
        await expectFailure(.option, "--kube-annotation-prefix \"\(prefix)\"") {
            try await cluster.withStore({ $0.annotationPrefix = prefix }) { _ in }
        }
    }

    @Test func `a missing or broken configuration is told with its file`() async throws {
        let cluster = try OverlayCluster(configuration: "{")
        try await cluster.withStore { store in
            await expectFailure(.configuration, "net-conf.json") { _ = try await store.networkConfiguration() }
        }
        try await cluster.withStore({ $0.networkConfigurationFile = "/none/net-conf.json" }) { store in
            await expectFailure(.notConfigured, "/none/net-conf.json") { _ = try await store.networkConfiguration() }
        }
    }
}
