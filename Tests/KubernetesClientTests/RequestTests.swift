// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import KubernetesClient
internal import KubernetesTesting
internal import Testing

/// Nodes and events: asked for one by one.
@Suite(.timeLimit(.minutes(1))) struct RequestTests {
    private let server: KubernetesServer

    init() throws { server = try KubernetesServer() }

    @Test func `of a node what is needed is kept, and nothing else`() async throws {
        server.put(
            NodeDocument.make(
                "a",
                podCIDRs: ["10.244.1.0/24", "fd00:1::/64"],
                addresses: ["192.0.2.1", "2001:db8::1"],
                annotations: [
                    "\(prefix)backend-data": "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}", "\(prefix)": "",
                ],
                images: 50
            )
        )
        server.patch(
            "a",
            with: [
                "status": [
                    "conditions": [
                        [
                            "type": "NetworkUnavailable", "status": "True", "reason": "NoRouteCreated",
                            "message": "ä\"\\",
                        ]
                    ]
                ]
            ]
        )
        try await withClient(of: server) { client in
            let expected = Node(
                name: "a",
                uid: "uid-of-a",
                resourceVersion: String(server.version),
                annotations: ["backend-data": "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}", "": ""],
                podCIDRs: ["10.244.1.0/24", "fd00:1::/64"],
                internalAddresses: ["192.0.2.1", "2001:db8::1"],
                networkUnavailable: NodeCondition(isMet: true, reason: "NoRouteCreated", message: "ä\"\\")
            )
            #expect(try await client.node(named: "a") == expected)
            let listing = try await client.nodes()
            #expect(listing.nodes == [expected])
            #expect(listing.resourceVersion == expected.resourceVersion)
            #expect(try await client.node(named: "b") == nil)
        }
    }

    @Test func `a pod tells its node, if it has one`() async throws {
        try await withClient(of: server) { client in
            for (node, expected) in [(nil, nil), ("", nil), ("worker-1", "worker-1")] as [(String?, String?)] {
                if let node { server.put(pod: "b/a", on: node) }
                let name = try await client.nodeName(ofPod: "a", namespace: "b")
                #expect(name == expected)
            }
        }
    }

    @Test func `a node of before dual stack names its subnet in podCIDR`() async throws {
        server.put(["metadata": ["name": "old"], "spec": ["podCIDR": "10.244.1.0/24"]], ["metadata": ["name": "new"]])
        try await withClient(of: server) { client in
            let (old, new) = (try await client.node(named: "old"), try await client.node(named: "new"))
            #expect(old?.podCIDRs == ["10.244.1.0/24"])
            #expect(new == Node(name: "new", resourceVersion: "1002"))
        }
    }

    @Test func `all nodes are read, page by page`() async throws {
        server.put((0..<25).map { NodeDocument.make("node-\($0 + 100)", images: 3) })
        try await withClient(of: server, { $0.pageSize = 10 }) { client in
            let listing = try await client.nodes()
            #expect(listing.nodes.map(\.name) == (100..<125).map { "node-\($0)" })
            #expect(listing.resourceVersion == String(server.version))
            #expect(server.requests(.list).map { $0.query["limit"] } == ["10", "10", "10"])
        }
    }

    @Test func `a listing whose moment is forgotten is begun anew`() async throws {
        server.put((0..<25).map { NodeDocument.make("node-\($0 + 100)") })
        try await withClient(of: server, { $0.pageSize = 10 }) { client in
            server.inject(.trickle(bytes: 1 << 20, milliseconds: 1), .status(410, reason: "Expired"), into: .list)
            #expect(try await client.nodes().nodes.count == 25)
            #expect(server.requests(.list).map { $0.query["continue"] != nil } == [false, true, false, true, true])
            server.inject(
                .status(410, reason: "Expired"),
                .status(410, reason: "Gone"),
                .status(410, reason: "Expired"),
                into: .list
            )
            await expectFailure(.expired) { _ = try await client.nodes() }
            // Really forgotten, while the second page is on its way.
            server.inject(.trickle(bytes: 1 << 20, milliseconds: 300), into: .list)
            async let nodes = client.nodes()
            try await Task.sleep(for: .milliseconds(100))
            server.compact()
            #expect(try await nodes.nodes.count == 25)
        }
    }

    @Test func `annotations and the condition are changed, and nothing else`() async throws {
        server.put(NodeDocument.make("a", annotations: ["\(prefix)old": "1", "\(prefix)kept": "2"], images: 2))
        let before = try #require(server.node("a"))
        try await withClient(of: server) { client in
            let condition = NodeCondition(isMet: false, reason: "NetworkIsUp", message: "The network is up")
            let node = try await client.patchStatus(
                ofNode: "a",
                uid: "uid-of-a",
                annotations: ["\(prefix)data": "{\"VNI\":1}", "\(prefix)old": nil],
                networkUnavailable: (condition, "2026-11-23T20:00:00Z")
            )
            #expect(node.annotations == ["data": "{\"VNI\":1}", "kept": "2"])
            #expect(node.networkUnavailable == condition)
            #expect(node.resourceVersion == String(server.version))
            await expectFailure(.conflict, "UID") {
                try await client.patchStatus(ofNode: "a", uid: "another", annotations: ["\(prefix)data": "x"])
            }
            await expectFailure(.notFound, "\"b\"") {
                try await client.patchStatus(ofNode: "b", annotations: ["x/y": "z"])
            }
        }
        #expect(server.annotation("volumes.example.org/attach", of: "a") == "true")
        #expect(server.annotation("\(prefix)data", of: "a") == "{\"VNI\":1}")
        #expect(server.annotation("\(prefix)old", of: "a") == nil)
        #expect(
            server.networkUnavailable(of: "a") == [
                "type": "NetworkUnavailable", "status": "False", "reason": "NetworkIsUp",
                "message": "The network is up",
                "lastTransitionTime": "2026-11-23T20:00:00Z", "lastHeartbeatTime": "2026-11-23T20:00:00Z",
            ]
        )
        let after = try #require(server.node("a"))
        #expect(
            after["status"]?["conditions"]?.value.array?.dropLast()
                == before["status"]?["conditions"]?.value.array?[...]
        )
        #expect(after["status"]?["images"] == before["status"]?["images"])
        #expect(after["spec"] == before["spec"])
    }

    @Test func `events are made, repeated, forgotten, and forbidden`() async throws {
        var report = NodeReport(
            name: "a.17",
            node: "a",
            reason: "NoPodCIDR",
            message: "The node has no podCIDR",
            isWarning: true,
            component: "test",
            time: "2026-11-23T20:00:00Z"
        )
        try await withClient(of: server) { client in
            try await client.createEvent(report)
            await expectFailure(.conflict) { try await client.createEvent(report) }
            (report.count, report.lastTime, report.message) = (2, "2026-11-23T20:05:00Z", "Still none")
            try await client.repeatEvent(report)
            let event = try #require(server.events["a.17"]?.object)
            #expect(event["count"] == 2)
            #expect(event["message"] == "Still none")
            #expect(event["firstTimestamp"] == "2026-11-23T20:00:00Z")
            #expect(event["lastTimestamp"] == "2026-11-23T20:05:00Z")
            #expect(event["type"] == "Warning")
            #expect(event["involvedObject"]?.object?["name"] == "a")
            server.forgetEvents()
            await expectFailure(.notFound) { try await client.repeatEvent(report) }
            server.forbid([.createEvent, .patchEvent])
            await expectFailure(.forbidden, "forbidden") { try await client.createEvent(report) }
            await expectFailure(.forbidden) { try await client.repeatEvent(report) }
        }
    }

    @Test func `the strict server notices what a client should not do`() async throws {
        server.put(NodeDocument.make("a"))
        let options = KubernetesClientOptions(server: "\(server.url)/somewhere")
        let client = try KubernetesClient(options)
        await expectFailure(.notFound) { _ = try await client.nodes() }
        await client.shutdown()
        #expect(server.violations.count == 1)
        #expect(server.violations.first?.contains("/somewhere/api/v1/nodes") == true)
    }
}
