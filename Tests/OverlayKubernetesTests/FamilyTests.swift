// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import KubernetesTesting
internal import Overlay
internal import OverlayKubernetes
internal import Testing

/// Nodes with subnets of fewer families than the network has.
@Suite(.timeLimit(.minutes(1))) struct FamilyTests {
    @Test(arguments: [(AddressFamily.v4, "10.244.1.0/24"), (.v6, "fd00:10:0:1::/64")])
    func `a node goes on with the family that it has a subnet of, and says so`(
        family: AddressFamily,
        subnet: String
    ) async throws {
        let cluster = try OverlayCluster.dual()
        cluster.server.put(NodeDocument.make("mine", podCIDRs: [subnet]))
        let other: AddressFamily = family == .v4 ? .v6 : .v4
        try await cluster.withStore { store in
            #expect(try await families(store) == [family])
            let lease = try await cluster.hold(store, v6: "2001:db8::1")
            #expect(lease.subnets.families == [family])
            #expect(store.limitations.contains { $0.contains("serves no \(other): node mine has no \(other) podCIDR") })
            // The API is away, and the node is what it was.
            cluster.server.inject(.status(500, reason: "InternalError"), into: .get)
            #expect(try await families(store) == [family])
            cluster.server.delete("mine")
            #expect(try await families(store) == [family])
            cluster.server.put(
                NodeDocument.make("mine", uid: "another", podCIDRs: ["10.244.1.0/24", "fd00:10:0:1::/64"])
            )
            #expect(try await families(store) == AddressFamily.allCases)
            #expect(try await cluster.hold(store, v6: "2001:db8::1").subnets.families == AddressFamily.allCases)
            #expect(store.limitations == [])
        }
    }

    @Test func `what nobody knows yet is not decided`() async throws {
        let cluster = try OverlayCluster.dual()
        try await cluster.withStore { store in
            // Without the node, and without any subnet, that is what is waited for.
            let without = try await families(store)
            cluster.server.put(NodeDocument.make("mine"))
            #expect(try await [without, families(store)] == [AddressFamily.allCases, AddressFamily.allCases])
            await expectFailure(.notGranted, "no IPv4 podCIDR") { try await cluster.hold(store) }
        }
        try await cluster.withStore { store in
            cluster.server.stop()
            await expectFailure(.storeUnavailable) { _ = try await store.networkConfiguration() }
        }
    }

    private func families(_ store: KubernetesSubnetStore) async throws -> [AddressFamily] {
        try await store.networkConfiguration().families.families
    }
}
