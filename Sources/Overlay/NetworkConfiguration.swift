// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// The network that all nodes share: `net-conf.json`, the key `config` of etcd, or `config.json` of a shared directory.
public struct NetworkConfiguration: Hashable, Sendable {
    /// How subnets are cut out of one family's network.
    public struct Family: Hashable, Sendable {
        /// `Network`, `IPv6Network`: what all subnets are part of, without host bits.
        public var network: IPPrefix
        /// `SubnetLen`, `IPv6SubnetLen`: the prefix length of a node's subnet.
        public var subnetLength: Int
        /// `SubnetMin`, `IPv6SubnetMin`: the first subnet that is given to a node.
        public var firstSubnet: IPPrefix
        /// `SubnetMax`, `IPv6SubnetMax`: the last one.
        public var lastSubnet: IPPrefix

        /// Creates the part of a family.
        public init(network: IPPrefix, subnetLength: Int, firstSubnet: IPPrefix, lastSubnet: IPPrefix) {
            self.network = network
            self.subnetLength = subnetLength
            self.firstSubnet = firstSubnet
            self.lastSubnet = lastSubnet
        }
    }

    /// The enabled families.
    public var families: PerFamily<Family>
    /// `Backend`.
    public var backend: Backend

    /// Creates a configuration.
    public init(families: PerFamily<Family>, backend: Backend) {
        self.families = families
        self.backend = backend
    }

    /// How packets get from node to node, with the options of the backend.
    public enum Backend: Hashable, Sendable {
        /// `vxlan`.
        case vxlan(VXLANOptions)
        /// `host-gw`.
        case hostGateway
        /// `alloc`.
        case alloc

        /// What leases of nodes with this backend say.
        public var type: BackendType {
            switch self {
            case .vxlan: .vxlan
            case .hostGateway: .hostGateway
            case .alloc: .alloc
            }
        }
    }

    /// Options of the backend `vxlan`.
    public struct VXLANOptions: Hashable, Sendable {
        /// `VNI`, 0…2^24-1.
        public var vni: UInt32 = 1
        /// `Port`: the UDP port of all nodes; nil for the kernel's, 8472.
        public var port: UInt16?
        /// `MTU`: the largest packet of the underlay in bytes; nil for the uplink's.
        public var underlayMTU: Int?
        /// `GBP`: whether the group based policy extension is on.
        public var groupBasedPolicy = false
        /// `Learning`: whether the device learns from frames where addresses are.
        public var learning = false
        /// `DirectRouting`: whether nodes on the same link are reached without encapsulation.
        public var directRouting = false
        /// `ChecksumOffload`: false to have checksums computed before packets come to the device; true leaves it as it is.
        ///
        /// Some network cards compute wrong ones inside of a tunnel. flannel has no such option; its users run
        /// `ethtool -K flannel.1 tx-checksum-ip-generic off` on each node, each time that the device was made.
        public var checksumOffload = true

        /// The defaults.
        public init() {}
    }
}
