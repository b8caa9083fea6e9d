// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import KubernetesClient
internal import KubernetesTesting
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayKubernetes
internal import Synchronization
internal import Testing

/// What the annotations of flannel begin with.
let flannel = "flannel.alpha.coreos.com/"

/// A scripted API server with a network's configuration, and one node's store on it.
struct OverlayCluster {
    let server: KubernetesServer
    let files: TemporaryDirectory

    init(configuration: String = #"{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}"#) throws {
        server = try KubernetesServer()
        files = try TemporaryDirectory()
        try File.replace(files.appending("net-conf.json"), with: Array(configuration.utf8))
    }

    /// A cluster with both families.
    static func dual(backend: String = "vxlan") throws -> OverlayCluster {
        try OverlayCluster(
            configuration: #"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10::/48","#
                + #""Backend":{"Type":"\#(backend)"}}"#
        )
    }

    /// Runs a test with the store of the node "mine".
    @discardableResult
    func withStore<Result>(
        _ change: (inout KubernetesStoreOptions) -> Void = { _ in },
        _ body: (KubernetesSubnetStore) async throws -> Result
    ) async throws -> Result {
        var options = KubernetesStoreOptions(client: KubernetesClientOptions(server: server.url), node: .node("mine"))
        options.networkConfigurationFile = files.appending("net-conf.json")
        change(&options)
        let store = try KubernetesSubnetStore(options)
        do {
            let result = try await body(store)
            await store.shutdown()
            #expect(server.violations == [])
            return result
        } catch {
            await store.shutdown()
            throw error
        }
    }

    /// Takes the lease of the node.
    @discardableResult
    func hold(_ store: KubernetesSubnetStore, v4: String = "192.0.2.1", v6: String? = nil) async throws -> Lease {
        let node = NodeDescription(publicAddresses: PerFamily(v4: IPAddress(v4), v6: v6.flatMap { IPAddress($0) }))
        let held = try await store.holdLease(publishing: node, in: try await store.networkConfiguration())
        #expect(held.renewal == nil)
        return held.lease
    }

    /// The annotations of a node that are flannel's.
    func annotations(of name: String) -> [String: String] {
        var found: [String: String] = [:]
        for member in server.node(name)?["metadata"]?["annotations"]?.value.object?.members ?? []
        where member.key.hasPrefix(flannel) { found[String(member.key.dropFirst(flannel.count))] = member.value.string }
        return found
    }

    /// A node as flannel v0.28 leaves it.
    func flannelNode(_ name: String, _ number: Int, uid: String? = nil) -> JSONValue {
        NodeDocument.make(
            name,
            uid: uid,
            podCIDRs: ["10.244.\(number).0/24"],
            addresses: ["192.0.2.\(number)"],
            annotations: [
                "\(flannel)backend-data": "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:\(number + 10)\"}",
                "\(flannel)backend-type": "vxlan", "\(flannel)kube-subnet-manager": "true",
                "\(flannel)public-ip": "192.0.2.\(number)",
            ]
        )
    }
}

/// What a consumer of snapshots has seen last.
final class SnapshotReader: Sendable {
    private struct State {
        var last: SubnetSnapshot?
        var count = 0
    }
    private let state = Mutex(State())

    var last: SubnetSnapshot? { state.withLock { $0.last } }
    var count: Int { state.withLock { $0.count } }

    /// Reads while something is done.
    static func during(
        _ store: KubernetesSubnetStore,
        _ body: (SnapshotReader) async throws -> Void
    ) async throws {
        let reader = SnapshotReader()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await snapshot in store.snapshots() {
                    reader.state.withLock {
                        $0.last = snapshot
                        $0.count += 1
                    }
                }
            }
            defer { group.cancelAll() }
            try await body(reader)
        }
    }

    /// Waits for a snapshot of a kind.
    func wait(sourceLocation: SourceLocation = #_sourceLocation, _ condition: (SubnetSnapshot) -> Bool) async throws {
        for _ in 0..<500 {
            if let last, condition(last) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("it never came, but \(last as Any)", sourceLocation: sourceLocation)
    }
}

/// Expects a failure of a kind whose text contains some words.
func expectFailure(
    _ code: OverlayError.Code,
    _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    let error = await #expect(throws: OverlayError.self, sourceLocation: sourceLocation) { try await body() }
    #expect(error?.code == code, "\(error as Any)", sourceLocation: sourceLocation)
    for word in words {
        #expect(error?.description.contains(word) == true, "\(error as Any)", sourceLocation: sourceLocation)
    }
}
