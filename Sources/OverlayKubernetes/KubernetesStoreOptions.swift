// swift-cni, SPDX-License-Identifier: Apache-2.0

public import KubernetesClient

/// Where the Kubernetes API is, which of its nodes this one is, and where the network is configured.
public struct KubernetesStoreOptions: Hashable, Sendable {
    /// How it is known which node this one is.
    public enum NodeName: Hashable, Sendable {
        /// By its name.
        case node(String)
        /// By a pod that runs on it.
        case ofPod(String, namespace: String)
    }

    /// How the API is reached.
    public var client: KubernetesClientOptions
    /// Which node this one is.
    public var node: NodeName
    /// What annotations begin with, as flannel's `--kube-annotation-prefix` has it: a slash may be left out.
    public var annotationPrefix = "flannel.alpha.coreos.com"
    /// The file with the network's configuration.
    public var networkConfigurationFile = "/etc/kube-flannel/net-conf.json"
    /// Whether the node's condition `NetworkUnavailable` is ours to clear.
    public var clearsNetworkUnavailable = true
    /// How often an event is told again while its reason holds: the cluster forgets it after an hour.
    public var reportPeriod = Duration.seconds(600)

    /// The defaults for a node.
    public init(client: KubernetesClientOptions, node: NodeName) {
        self.client = client
        self.node = node
    }

    /// Which node of which cluster it is, on one line and without secrets.
    public var summary: String {
        switch node {
        case .node(let name): "Kubernetes \(client.server), node \(name)"
        case .ofPod(let name, let namespace): "Kubernetes \(client.server), node of pod \(namespace)/\(name)"
        }
    }
}
