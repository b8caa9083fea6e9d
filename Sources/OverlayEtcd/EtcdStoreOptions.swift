// swift-cni, SPDX-License-Identifier: Apache-2.0

public import EtcdClient

/// Where etcd is, where in it the network is kept, and how long this node's lease lasts.
public struct EtcdStoreOptions: Sendable {
    /// How etcd is reached.
    public var client: EtcdClientOptions
    /// What the keys begin with; `config` and `subnets` follow.
    public var prefix = "/coreos.com/network"
    /// This node's own directory, which outlives a reboot: the number of its lease is kept there.
    public var stateDirectory = "/var/lib/flannel"
    /// How long this node's lease outlives its last renewal.
    public var timeToLive = Duration.seconds(86_400)
    /// How long before the end of its lease the node renews it at the latest.
    public var renewalMargin = Duration.seconds(3600)

    /// The defaults for a cluster.
    public init(client: EtcdClientOptions) { self.client = client }

    /// The TTL in whole seconds.
    var timeToLiveSeconds: Int64 { max(1, timeToLive.components.seconds) }

    /// When the lease is renewed: thrice in its time, or earlier when the margin asks for it.
    var renewal: Duration {
        let timeToLive = Duration.seconds(timeToLiveSeconds)
        return max(.milliseconds(100), min(timeToLive / 3, timeToLive - renewalMargin))
    }
}
