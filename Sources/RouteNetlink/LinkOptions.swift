// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// A bridge to be made (`ip link add NAME type bridge`).
public struct BridgeOptions: Hashable, Sendable {
    /// Its name, 1 to 15 bytes.
    public var name: String
    /// Its Ethernet address; nil lets the kernel choose, and change it with the ports.
    public var mac: MACAddress?
    /// Its MTU in bytes; nil for the kernel's 1500, which then follows the smallest port.
    public var mtu: Int?
    /// Whether it tells VLANs apart (`vlan_filtering`).
    public var vlanFiltering: Bool
    /// Whether it sends multicast only to ports that asked for it (`mcast_snooping`); nil for the default, on.
    public var multicastSnooping: Bool?
    /// The VLAN that new ports get (`vlan_default_pvid`), 0 for none; nil for the default, 1.
    public var defaultPVID: UInt16?
    /// Whether it comes up at once.
    public var isUp: Bool

    /// Describes a bridge.
    public init(
        name: String,
        mac: MACAddress? = nil,
        mtu: Int? = nil,
        vlanFiltering: Bool = false,
        multicastSnooping: Bool? = nil,
        defaultPVID: UInt16? = nil,
        isUp: Bool = true
    ) {
        self.name = name
        self.mac = mac
        self.mtu = mtu
        self.vlanFiltering = vlanFiltering
        self.multicastSnooping = multicastSnooping
        self.defaultPVID = defaultPVID
        self.isUp = isUp
    }
}

/// Two connected interfaces to be made (`ip link add NAME type veth peer name PEER netns …`).
///
/// The other end is made down: the kernel cannot bring it up before this end exists (`ENOTCONN`).
public struct VethPair: Hashable, Sendable {
    /// The name of the end that is made here, 1 to 15 bytes.
    public var name: String
    /// Its Ethernet address; nil for a random one, which udev may replace.
    public var mac: MACAddress?
    /// Its MTU in bytes; nil for 1500.
    public var mtu: Int?
    /// The bridge it becomes a port of.
    public var masterIndex: LinkIndex?
    /// Whether it comes up at once.
    public var isUp: Bool
    /// The name of the other end.
    public var peerName: String
    /// The other end's Ethernet address; nil for a random one.
    public var peerMAC: MACAddress?
    /// The other end's MTU in bytes; nil for 1500.
    public var peerMTU: Int?
    /// A descriptor of the namespace that the other end is made in; nil for the same one.
    public var peerNamespace: Int32?

    /// Describes a pair.
    public init(
        name: String,
        mac: MACAddress? = nil,
        mtu: Int? = nil,
        masterIndex: LinkIndex? = nil,
        isUp: Bool = false,
        peerName: String,
        peerMAC: MACAddress? = nil,
        peerMTU: Int? = nil,
        peerNamespace: Int32? = nil
    ) {
        self.name = name
        self.mac = mac
        self.mtu = mtu
        self.masterIndex = masterIndex
        self.isUp = isUp
        self.peerName = peerName
        self.peerMAC = peerMAC
        self.peerMTU = peerMTU
        self.peerNamespace = peerNamespace
    }
}

/// The numbers that the ends of a new pair got, each in its own namespace.
public struct VethIndices: Hashable, Sendable {
    /// The number of the end that was made here.
    public let host: LinkIndex
    /// The number of the other end; nil only when the kernel does not tell it.
    public let peer: LinkIndex?

    /// Creates a pair of numbers.
    public init(host: LinkIndex, peer: LinkIndex?) {
        self.host = host
        self.peer = peer
    }
}
