// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import RouteNetlink

/// The interface by which this node reaches the others.
public struct Uplink: Hashable, Sendable {
    /// Its number.
    public var index: LinkIndex
    /// Its name.
    public var name: String
    /// The largest packet it carries, in bytes.
    public var mtu: Int
    /// This node's address on it, the source of encapsulated packets.
    public var addresses: PerFamily<IPAddress>
    /// The subnets whose stations are reached through it without a gateway.
    public var networks: [IPPrefix]

    /// Describes an uplink.
    ///
    /// - Parameter networks: nil for the subnets that the addresses are in.
    public init(
        index: LinkIndex,
        name: String,
        mtu: Int,
        addresses: PerFamily<IPPrefix>,
        networks: [IPPrefix]? = nil
    ) {
        self.index = index
        self.name = name
        self.mtu = mtu
        self.addresses = PerFamily(v4: addresses.v4?.address, v6: addresses.v6?.address)
        self.networks = networks ?? [addresses.v4, addresses.v6].flatMap { $0.map { [$0.network] } ?? [] }
    }

    /// Whether a station is reached without a gateway.
    public func isOnLink(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }
}
