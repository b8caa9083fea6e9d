// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import KubernetesClient
internal import KubernetesTesting
internal import LinuxSystem
internal import Testing

/// Large nodes, many nodes, and nodes that change all the time without any change that matters.
@Suite(.timeLimit(.minutes(2))) struct ReadingTests {
    private func makeNode(_ number: Int) -> JSONValue {
        NodeDocument.make(
            "node-\(number)",
            podCIDRs: ["10.\(number / 256).\(number % 256).0/24"],
            addresses: ["192.0.2.1"],
            annotations: ["\(prefix)backend-data": "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}"],
            images: 50
        )
    }

    @Test func `a status update that changes nothing of interest says the same`() async throws {
        let server = try KubernetesServer()
        server.put(makeNode(1))
        try await withClient(of: server) { client in
            let first = try #require(try await client.node(named: "node-1"))
            let changes: [(JSONValue, Bool)] = [
                (["status": ["conditions": [["type": "Ready", "lastHeartbeatTime": "2026-11-23T20:00:00Z"]]]], true),
                (["status": ["images": []], "metadata": ["labels": ["x": "y"], "annotations": ["x/y": "z"]]], true),
                (["spec": ["podCIDRs": ["10.0.7.0/24"]]], false),
                (["metadata": ["annotations": ["\(prefix)backend-data": "null"]]], false),
                (["metadata": ["uid": "another"]], false),
                (["status": ["addresses": [["type": "InternalIP", "address": "192.0.2.2"]]]], false),
                (["status": ["conditions": [["type": "NetworkUnavailable", "status": "True"]]]], false),
            ]
            var last = first
            for (patch, saysTheSame) in changes {
                server.patch("node-1", with: patch)
                let node = try #require(try await client.node(named: "node-1"))
                #expect(node.resourceVersion != last.resourceVersion)
                #expect(node.says(sameAs: last) == saysTheSame, "\(patch)")
                last = node
            }
            #expect(last.says(sameAs: last))
            // A store that was restored comes to the same version with something else.
            server.restore(at: server.version - 1)
            server.patch("node-1", with: ["spec": ["podCIDRs": ["10.0.8.0/24"]]])
            let node = try #require(try await client.node(named: "node-1"))
            #expect(node.resourceVersion == last.resourceVersion)
            #expect(!node.says(sameAs: last))
        }
    }

    /// The most memory that this process has had, in KiB.
    private func peak() throws -> Int {
        let status = String(decoding: try File.contents(of: "/proc/self/status"), as: UTF8.self)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split { $0 == " " || $0 == "\t" }.compactMap { Int($0) }.first)
    }

    @Test func `a node of 8 KB costs a few hundred bytes once it is read`() async throws {
        let size = makeNode(1).text().count
        #expect(size >= 8000)
        let server = try KubernetesServer()
        server.put((0..<500).map(makeNode))
        try await withClient(of: server) { client in
            let listing = try await client.nodes()
            #expect(listing.nodes.count == 500)
            #expect(Set(listing.nodes.flatMap(\.podCIDRs)).count == 500)
            // A second time needs no more than what the first has left free, plus the nodes themselves.
            let before = try peak()
            var kept: [[Node]] = []
            for _ in 0..<5 { kept.append(try await client.nodes().nodes) }
            #expect(kept.joined().count == 2500)
            #expect(try peak() - before < 12_000, "KiB for 2500 nodes of \(size) bytes")
        }
    }
}
