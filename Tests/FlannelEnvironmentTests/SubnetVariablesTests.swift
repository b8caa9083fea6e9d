// swift-cni, SPDX-License-Identifier: Apache-2.0

import FlannelEnvironment
import IPAddresses
import Testing

/// `subnet.env` as flanneld, other programs and people write it.
@Suite struct SubnetVariablesTests {
    @Test func `what is written is read back`() throws {
        let variables = SubnetVariables(
            networks: ["10.244.0.0/16", "2001:db8:42::/56"].compactMap { IPPrefix($0) },
            subnets: ["10.244.1.0/24", "2001:db8:42::/64"].compactMap { IPPrefix($0) },
            mtu: 1450,
            masquerades: true
        )
        #expect(
            variables.text == """
                FLANNEL_NETWORK=10.244.0.0/16
                FLANNEL_SUBNET=10.244.1.1/24
                FLANNEL_IPV6_NETWORK=2001:db8:42::/56
                FLANNEL_IPV6_SUBNET=2001:db8:42::1/64
                FLANNEL_MTU=1450
                FLANNEL_IPMASQ=true

                """
        )
        #expect(try SubnetVariables(parsing: variables.text) == variables)
        #expect(variables.missing.isEmpty)
    }

    @Test func `what a shell takes is read, and the last of equal keys counts`() throws {
        let variables = try SubnetVariables(
            parsing: """
                # written by a migration
                FLANNEL_MTU=1
                export FLANNEL_NETWORK="10.244.0.0/16,10.96.0.0/12,10.244.9.9/16"
                 FLANNEL_SUBNET='10.244.1.1/24, 10.244.2.1/24'
                FLANNEL_IPMASQ=yes
                #FLANNEL_IPV6_NETWORK=fd00::/48
                FLANNEL_MTU=9000
                OTHER=1
                nonsense
                """
        )
        #expect(variables.networks.map(\.description) == ["10.244.0.0/16", "10.96.0.0/12"])
        #expect(variables.subnets.map(\.description) == ["10.244.1.0/24", "10.244.2.0/24"])
        #expect(variables.mtu == 9000)
        #expect(variables.masquerades == false)
    }

    @Test func `what is not there or empty is missing`() throws {
        let variables = try SubnetVariables(
            parsing: "FLANNEL_NETWORK=\nFLANNEL_IPV6_SUBNET=fd00::1/64\nFLANNEL_IPMASQ=\n"
        )
        #expect(variables.missing == ["FLANNEL_NETWORK or FLANNEL_IPV6_NETWORK", "FLANNEL_MTU", "FLANNEL_IPMASQ"])
    }

    @Test(arguments: [
        ("FLANNEL_NETWORK=10.244.0.0", "FLANNEL_NETWORK", "10.244.0.0"),
        ("FLANNEL_NETWORK=10.244.0.0/16, x", "FLANNEL_NETWORK", "x"),
        ("FLANNEL_NETWORK=10.244.0.0/16,", "FLANNEL_NETWORK", "10.244.0.0/16,"),
        ("FLANNEL_SUBNET=fd00::1/64", "FLANNEL_SUBNET", "fd00::1/64"),
        ("FLANNEL_IPV6_SUBNET=10.244.1.1/24", "FLANNEL_IPV6_SUBNET", "10.244.1.1/24"),
        ("FLANNEL_MTU=big", "FLANNEL_MTU", "big"), ("FLANNEL_MTU=-1", "FLANNEL_MTU", "-1"),
        ("FLANNEL_MTU=2147483648", "FLANNEL_MTU", "2147483648"),
    ])
    func `a value that means nothing is told with its key`(text: String, key: String, value: String) {
        let error = #expect(throws: SubnetVariablesError.self) { try SubnetVariables(parsing: text) }
        #expect(error?.key == key)
        #expect(error?.value == value)
    }
}
