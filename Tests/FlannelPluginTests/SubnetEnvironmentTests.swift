// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import IPAddresses
import Testing

@testable import FlannelPlugin

/// `subnet.env` as flanneld and people write it.
@Suite struct SubnetEnvironmentTests {
    private func parse(_ text: String) throws(CNIError) -> SubnetEnvironment {
        try SubnetEnvironment(parsing: text, path: "/run/flannel/subnet.env")
    }

    @Test func `reads both families without host bits`() throws {
        let environment = try parse(
            """
            FLANNEL_NETWORK=10.244.0.0/16
            FLANNEL_SUBNET=10.244.1.1/24
            FLANNEL_IPV6_NETWORK=2001:cafe:42::/56
            FLANNEL_IPV6_SUBNET=2001:cafe:42::1/64
            FLANNEL_MTU=1450
            FLANNEL_IPMASQ=true
            """
        )
        #expect(environment.networks.map(\.description) == ["10.244.0.0/16", "2001:cafe:42::/56"])
        #expect(environment.subnets.map(\.description) == ["10.244.1.0/24", "2001:cafe:42::/64"])
        #expect(environment.mtu == 1450)
        #expect(environment.isMasquerading)
    }

    @Test func `takes lists of networks, each once`() throws {
        let environment = try parse(
            "FLANNEL_NETWORK=10.1.0.0/16,10.2.0.0/16,10.1.9.9/16\nFLANNEL_SUBNET=10.1.1.1/24\nFLANNEL_MTU=0\nFLANNEL_IPMASQ=false"
        )
        #expect(environment.networks.map(\.description) == ["10.1.0.0/16", "10.2.0.0/16"])
        #expect(!environment.isMasquerading)
    }

    @Test func `the last of equal keys counts`() throws {
        let environment = try parse(
            "FLANNEL_MTU=1\nFLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.1.1/24\nFLANNEL_MTU=9000\nFLANNEL_IPMASQ=1"
        )
        #expect(environment.mtu == 9000)
        #expect(!environment.isMasquerading)
    }

    @Test(arguments: [
        ("", "is missing FLANNEL_NETWORK or FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET or FLANNEL_IPV6_SUBNET, FLANNEL_MTU"),
        ("FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.1.1/24\nFLANNEL_IPMASQ=true", "is missing FLANNEL_MTU"),
        (
            "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.1.1/24\nFLANNEL_MTU=-1\nFLANNEL_IPMASQ=true",
            "FLANNEL_MTU is \"-1\""
        ),
        (
            "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.1.1/33\nFLANNEL_MTU=1\nFLANNEL_IPMASQ=true",
            "FLANNEL_SUBNET is \"10.1.1.1/33\""
        ),
    ])
    func `says what is missing or means nothing, to be tried again`(text: String, expected: String) {
        let error = #expect(throws: CNIError.self) { try parse(text) }
        #expect(error?.code == .tryAgainLater)
        #expect(error?.message.contains("/run/flannel/subnet.env") == true)
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
    }
}
