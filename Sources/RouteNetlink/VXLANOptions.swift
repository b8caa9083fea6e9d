// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// What makes one VXLAN device different from another (`ip -d link show … type vxlan`).
public struct VXLANSettings: Hashable, Sendable {
    /// The network's identifier (`IFLA_VXLAN_ID`), 0…2^24-1.
    public var vni: UInt32
    /// The interface that encapsulated packets leave by (`IFLA_VXLAN_LINK`); nil for what the routes say.
    public var underlay: LinkIndex?
    /// The source address of encapsulated packets, whose family is that of the underlay (`IFLA_VXLAN_LOCAL`, `…LOCAL6`).
    public var local: IPAddress?
    /// The UDP port that packets are sent to and received on (`IFLA_VXLAN_PORT`).
    public var port: UInt16
    /// Whether the device learns from frames where addresses are (`IFLA_VXLAN_LEARNING`).
    public var learning: Bool
    /// Whether packets carry a group (`IFLA_VXLAN_GBP`).
    public var groupBasedPolicy: Bool
    /// Where frames for unknown addresses go (`IFLA_VXLAN_GROUP`, `…GROUP6`): a multicast group or one station.
    public var group: IPAddress?
    /// Whether routes and filters decide about the tunnel instead of these settings (`IFLA_VXLAN_COLLECT_METADATA`).
    public var collectsMetadata: Bool

    /// The port that Linux uses where none is named, older than IANA's 4789.
    public static var linuxPort: UInt16 { 8472 }

    /// Describes a device.
    public init(
        vni: UInt32,
        underlay: LinkIndex? = nil,
        local: IPAddress? = nil,
        port: UInt16 = linuxPort,
        learning: Bool = false,
        groupBasedPolicy: Bool = false,
        group: IPAddress? = nil,
        collectsMetadata: Bool = false
    ) {
        self.vni = vni
        self.underlay = underlay
        self.local = local
        self.port = port
        self.learning = learning
        self.groupBasedPolicy = groupBasedPolicy
        self.group = group
        self.collectsMetadata = collectsMetadata
    }
}

/// A VXLAN device to be made (`ip link add NAME type vxlan id …`).
public struct VXLANOptions: Hashable, Sendable {
    /// Its name, 1 to 15 bytes.
    public var name: String
    /// Its Ethernet address; nil for a random one, which udev may replace.
    public var mac: MACAddress?
    /// Its MTU in bytes; nil for what the underlay leaves.
    ///
    /// The kernel cuts a larger one to the underlay's less 50 bytes, 70 with IPv6.
    public var mtu: Int?
    /// What it is like.
    public var settings: VXLANSettings
    /// Whether it comes up at once.
    public var isUp: Bool

    /// Describes a device.
    public init(
        name: String,
        mac: MACAddress? = nil,
        mtu: Int? = nil,
        settings: VXLANSettings,
        isUp: Bool = false
    ) {
        self.name = name
        self.mac = mac
        self.mtu = mtu
        self.settings = settings
        self.isUp = isUp
    }
}
