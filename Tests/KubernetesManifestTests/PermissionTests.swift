// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import KubernetesTesting
internal import Testing

/// The scripted server goes by the roles of a manifest, so that what passes its tests is permitted in a cluster.
@Suite struct PermissionTests {
    @Test func `what the manifest's roles do not permit is forbidden`() async throws {
        let server = try KubernetesServer()
        server.put(NodeDocument.make("worker"))
        let client = try KubernetesClient(KubernetesClientOptions(server: server.url))
        #expect(try await client.node(named: "worker") != nil)
        #expect(server.violations == [])

        let text = try Manifest.text(ofPackage: "swift-cni.yaml")
        let less = text.replacing("    verbs: [get, list, watch]", with: "    verbs: [list, watch]")
        try #require(less != text)
        try server.apply(Manifest(less))
        let error = await #expect(throws: KubernetesError.self) { try await client.node(named: "worker") }
        #expect(error?.code == .forbidden, "\(error?.message ?? "")")
        #expect(server.violations.count == 1)
        #expect(server.violations.first?.hasSuffix("the manifest's roles do not permit get of nodes") == true)
        #expect(try await client.nodes().nodes.count == 1)
        await client.shutdown()
    }

    @Test(arguments: [
        ("  name: flannel\nsubjects:", "  name: other\nsubjects:"),
        ("    name: flannel\n    namespace: kube-flannel\n---", "    name: other\n    namespace: kube-flannel\n---"),
    ]) func `a manifest that the API refuses changes nothing`(_ slip: (String, String)) throws {
        let server = try KubernetesServer()
        let text = try Manifest.text(ofPackage: "swift-cni.yaml")
        let broken = text.replacing(slip.0, with: slip.1)
        try #require(broken != text)
        #expect(throws: ManifestError.self) { try server.apply(Manifest(broken)) }
    }
}
