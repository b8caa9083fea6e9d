// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import Overlay
internal import Synchronization

extension KubernetesSubnetStore {
    /// The name of this node; nil as long as it is not known.
    var nodeName: String? { state.withLock { $0.nodeName } }

    /// This node, as it is now; nil when there is none.
    func ownNode() async throws(OverlayError) -> Node? {
        let name = try await requiredNodeName()
        return try await reaching { () async throws(KubernetesError) in try await self.client.node(named: name) }
    }

    /// This node.
    ///
    /// - Throws: `notGranted` while it does not exist: the kubelet makes it.
    func requiredNode() async throws(OverlayError) -> Node {
        let name = try await requiredNodeName()
        guard let node = try await ownNode() else {
            throw OverlayError(
                .notGranted,
                "the cluster has no node \"\(name)\"",
                advice: "waits for the kubelet to register it; is NODE_NAME this node's name?"
            )
        }
        return node
    }

    /// The name of this node, for which the API has to be asked at first when only a pod is known.
    private func requiredNodeName() async throws(OverlayError) -> String {
        if let nodeName { return nodeName }
        guard case .ofPod(let pod, let namespace) = options.node else { return "" }
        let name = try await reaching { () async throws(KubernetesError) in
            try await self.client.nodeName(ofPod: pod, namespace: namespace)
        }
        guard let name else {
            throw OverlayError(
                .notGranted,
                "the cluster has no pod \(namespace)/\(pod) that runs on a node",
                advice: "are POD_NAME and POD_NAMESPACE those of flanneld's own pod?"
            )
        }
        // Only now snapshots can tell the own node from the others.
        change(\.nodeName, to: name)
        return name
    }
}
