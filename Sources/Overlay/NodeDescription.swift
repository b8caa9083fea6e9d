// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
internal import JSON

/// How the other nodes reach this one: all that its lease says of it, apart from what depends on its subnets.
public struct NodeDescription: Hashable, Sendable {
    /// The addresses other nodes send to.
    public var publicAddresses: PerFamily<IPAddress>
    /// The Ethernet addresses of tunnel devices that are there already, by the family of the subnet.
    public var deviceMACs: PerFamily<MACAddress>

    /// Describes a node.
    public init(publicAddresses: PerFamily<IPAddress>, deviceMACs: PerFamily<MACAddress> = PerFamily()) {
        self.publicAddresses = publicAddresses
        self.deviceMACs = deviceMACs
    }

    /// What the node's lease says.
    ///
    /// - Parameters:
    ///   - subnets: The subnets of the lease.
    ///   - published: What the lease says so far; a device that is made anew gets the address that it names, and a family
    ///     whose address is away for a moment keeps the one that it names.
    public func attributes(
        for subnets: PerFamily<IPPrefix>,
        in network: NetworkConfiguration,
        published: LeaseAttributes?
    ) -> LeaseAttributes {
        var addresses = publicAddresses
        for family in subnets.families where addresses[family] == nil {
            guard let known = published?.publicAddresses[family], !known.isBoundToLink else { continue }
            addresses[family] = known
        }
        var attributes = LeaseAttributes(publicAddresses: addresses, backendType: network.backend.type)
        guard case .vxlan(let options) = network.backend else { return attributes }
        for family in subnets.families where addresses[family] != nil {
            guard let subnet = subnets[family] else { continue }
            let mac = TunnelDevice.chooseMAC(
                vni: options.vni,
                subnet: subnet,
                adopted: deviceMACs[family],
                published: published?.backendData[family].flatMap { try? VXLANEndpoint(JSONNode($0)) }
            )
            attributes.backendData[family] = VXLANEndpoint(vni: options.vni, mac: mac).json
        }
        return attributes
    }
}
