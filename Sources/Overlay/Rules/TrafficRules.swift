// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// What this node's packet filter should do for the overlay.
///
/// Containers' packets that leave the network get the node's address, and where iptables' `FORWARD` drops, packets from and to
/// the network pass. The families are independent of each other.
public struct TrafficRules: Hashable, Sendable {
    /// What the rules of a family are about.
    public struct Scope: Hashable, Sendable {
        /// What all nodes' subnets are part of.
        public var network: IPPrefix
        /// This node's subnet.
        public var subnet: IPPrefix

        /// Describes a scope.
        public init(network: IPPrefix, subnet: IPPrefix) {
            self.network = network
            self.subnet = subnet
        }
    }

    /// The bit of a packet's mark that lets it pass, unless another is chosen: that of the firewall plugin.
    public static var defaultForwardMark: UInt32 { 0x1000 }

    /// The families that have rules.
    public var scopes: PerFamily<Scope>
    /// Whether addresses are translated where packets leave the network (`--ip-masq`).
    public var masquerades: Bool
    /// Whether ports are chosen at random then; not with `--ip-masq-fully-random-disable`.
    public var randomizesPorts: Bool
    /// Whether packets from and to the network pass iptables' `FORWARD` (`--iptables-forward-rules`).
    public var grantsForwarding: Bool
    /// The bit of a packet's mark by which they do.
    public var forwardMark: UInt32 = Self.defaultForwardMark

    /// Describes rules.
    public init(
        scopes: PerFamily<Scope>,
        masquerades: Bool,
        randomizesPorts: Bool = true,
        grantsForwarding: Bool = true
    ) {
        self.scopes = scopes
        self.masquerades = masquerades
        self.randomizesPorts = randomizesPorts
        self.grantsForwarding = grantsForwarding
    }

    /// Finds out which families have rules: those that are configured and that the node has a subnet of.
    public init(
        own: Lease,
        configuration: NetworkConfiguration,
        masquerades: Bool,
        randomizesPorts: Bool = true,
        grantsForwarding: Bool = true
    ) {
        var scopes = PerFamily<Scope>()
        for family in configuration.families.families {
            guard let network = configuration.families[family]?.network, let subnet = own.subnets[family] else {
                continue
            }
            scopes[family] = Scope(network: network.network, subnet: subnet.network)
        }
        self.init(
            scopes: scopes,
            masquerades: masquerades,
            randomizesPorts: randomizesPorts,
            grantsForwarding: grantsForwarding
        )
    }
}
