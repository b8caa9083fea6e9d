// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import Overlay
internal import Testing

@Suite struct NodeDescriptionTests {
    let subnets = PerFamily(v4: IPPrefix("10.5.9.0/24"), v6: IPPrefix("fd00:0:0:9::/64"))
    var node = NodeDescription(publicAddresses: PerFamily(v4: IPAddress("192.0.2.1"), v6: IPAddress("2001:db8::1")))

    func network(_ backend: String) throws -> NetworkConfiguration {
        let text = #"{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48","Backend":\#(backend)}"#
        return try NetworkConfiguration(parsing: Array(text.utf8))
    }

    func macs(_ attributes: LeaseAttributes) -> [MACAddress?] {
        [attributes.backendData.v4, attributes.backendData.v6].map { data in
            data.flatMap { try? VXLANEndpoint(JSONNode($0)).mac }
        }
    }

    @Test func `a new node publishes an address for each family, the same each time`() throws {
        let network = try network(#"{"Type":"vxlan","VNI":7}"#)
        let attributes = node.attributes(for: subnets, in: network, published: nil)
        #expect(attributes.backendType == .vxlan)
        #expect(attributes.publicAddresses == node.publicAddresses)
        #expect(attributes == node.attributes(for: subnets, in: network, published: nil))
        let addresses = macs(attributes).compactMap { $0 }
        #expect(addresses.count == 2)
        #expect(Set(addresses).count == 2)
        // It stays when the device is away, whatever the subnet has become.
        let later = node.attributes(
            for: PerFamily(v4: IPPrefix("10.5.10.0/24"), v6: IPPrefix("fd00:0:0:10::/64")),
            in: network,
            published: attributes
        )
        #expect(macs(later) == macs(attributes))
    }

    @Test func `the address of a device that is there is published`() throws {
        var node = node
        node.deviceMACs.v4 = MACAddress("c6:d2:32:6f:8f:44")
        let network = try network(#"{"Type":"vxlan"}"#)
        let first = node.attributes(for: subnets, in: network, published: nil)
        #expect(macs(first)[0] == MACAddress("c6:d2:32:6f:8f:44"))
        #expect(macs(first)[1] != nil)
    }

    @Test func `an address published for another network identifier is not taken up`() throws {
        let before = node.attributes(for: subnets, in: try network(#"{"Type":"vxlan","VNI":1}"#), published: nil)
        let after = node.attributes(for: subnets, in: try network(#"{"Type":"vxlan","VNI":2}"#), published: before)
        #expect(Set(macs(before) + macs(after)).count == 4)
    }

    @Test func `only vxlan has something to say, and only for families with an address`() throws {
        let direct = node.attributes(for: subnets, in: try network(#"{"Type":"host-gw"}"#), published: nil)
        #expect(direct == LeaseAttributes(publicAddresses: node.publicAddresses, backendType: .hostGateway))
        let half = NodeDescription(publicAddresses: PerFamily(v4: IPAddress("192.0.2.1")))
        let attributes = half.attributes(for: subnets, in: try network(#"{"Type":"vxlan"}"#), published: nil)
        #expect(attributes.backendData.v4 != nil)
        #expect(attributes.backendData.v6 == nil)
    }

    @Test func `a family whose address is away keeps the one that was published, unless it leads nowhere`() throws {
        let network = try network(#"{"Type":"vxlan"}"#)
        let before = node.attributes(for: subnets, in: network, published: nil)
        let half = NodeDescription(publicAddresses: PerFamily(v4: IPAddress("192.0.2.77")))
        var after = half.attributes(for: subnets, in: network, published: before)
        #expect(after.publicAddresses == PerFamily(v4: IPAddress("192.0.2.77"), v6: IPAddress("2001:db8::1")))
        #expect(macs(after) == macs(before))
        after.publicAddresses.v6 = IPAddress("fe80::1")
        #expect(half.attributes(for: subnets, in: network, published: after).publicAddresses == half.publicAddresses)
        // A family that the lease has no subnet of is not told of.
        let only = PerFamily(v4: IPPrefix("10.5.9.0/24"))
        #expect(half.attributes(for: only, in: network, published: before).publicAddresses == half.publicAddresses)
    }
}
