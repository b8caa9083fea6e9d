// swift-cni, SPDX-License-Identifier: Apache-2.0

public import KubernetesClient

/// Where the Kubernetes API is, which of its nodes this one is, and where the network is configured.
public struct KubernetesStoreOptions: Sendable {
    /// How the API is reached.
    public var client: KubernetesClientOptions
    /// The name of this node.
    public var nodeName: String
    /// What annotations begin with, as flannel's `--kube-annotation-prefix` has it: a slash may be left out.
    public var annotationPrefix = "flannel.alpha.coreos.com"
    /// The file with the network's configuration.
    public var networkConfigurationFile = "/etc/kube-flannel/net-conf.json"
    /// Whether the node's condition `NetworkUnavailable` is ours to clear.
    public var clearsNetworkUnavailable = true

    /// The defaults for a node.
    public init(client: KubernetesClientOptions, nodeName: String) {
        self.client = client
        self.nodeName = nodeName
    }
}
