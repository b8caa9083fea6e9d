// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayFile
internal import Testing

/// The configuration in the directory, and its first use.
@Suite struct NetworkTests {
    private let shared: SharedDirectory

    init() throws { shared = try SharedDirectory(nil) }

    private func expectError(_ code: OverlayError.Code, _ words: [String], from store: FileSubnetStore) async throws {
        let error = try #require(await #expect(throws: OverlayError.self) { try await store.networkConfiguration() })
        #expect(error.code == code)
        for word in words { #expect(error.description.contains(word), "\(error)") }
    }

    @Test func `first use makes the default network once, for all nodes at once`() async throws {
        let networks = try await withThrowingTaskGroup { group in
            for number in 0..<8 {
                let store = try shared.node("\(number)", createsDefaultNetwork: true)
                group.addTask { try await store.networkConfiguration() }
            }
            return try await group.reduce(into: Set<NetworkConfiguration>()) { $0.insert($1) }
        }
        #expect(networks.count == 1)
        #expect(networks.first?.families.v4?.network.description == "10.244.0.0/16")
        #expect(networks.first?.backend.type == .vxlan)
        #expect(try Directory.names(in: shared.path).sorted() == ["config.json", "subnets"])
        #expect(try await shared.node("0").hold().hasPrefix("10.244."))
    }

    @Test func `an existing configuration is kept`() async throws {
        try shared.write("config.json", #"{"Network":"10.5.0.0/16"}"#)
        let store = try shared.node("a", createsDefaultNetwork: true)
        #expect(try await store.networkConfiguration().families.v4?.network.description == "10.5.0.0/16")
        try shared.write("config.json", #"{"Network":"10.6.0.0/16"}"#)
        #expect(try await store.networkConfiguration().families.v4?.network.description == "10.6.0.0/16")
    }

    @Test func `without leave to make it a missing configuration is told`() async throws {
        try await expectError(.notConfigured, ["config.json", "Network"], from: try shared.node("a"))
        #expect(!Directory.exists(shared.path))
    }

    @Test(arguments: [
        "FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\n",
        "FLANNEL_NETWORK=10.244.0.0/16,10.42.0.0/16\n",
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_IPV6_NETWORK=fd00::/48\n",
    ])
    func `a node that is in another network is not given the default one`(text: String) async throws {
        let store = try shared.node("a", createsDefaultNetwork: true)
        try File.replace(shared.appending("state-a/subnet.env"), with: Array(text.utf8))
        try await expectError(.contradiction, ["subnet.env", "--store", "config.json"], from: store)
        #expect(!Directory.exists(shared.path))
        try File.replace(
            shared.appending("state-a/subnet.env"),
            with: Array("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\n".utf8)
        )
        #expect(try await store.networkConfiguration().families.v4?.network.description == "10.244.0.0/16")
    }

    @Test func `a damaged subnet.env refuses first use as well`() async throws {
        let store = try shared.node("a", createsDefaultNetwork: true)
        try File.replace(shared.appending("state-a/subnet.env"), with: Array("FLANNEL_NETWORK=?\n".utf8))
        try await expectError(.malformedText, ["subnet.env"], from: store)
        #expect(!Directory.exists(shared.path))
    }

    @Test func `a directory that the node has used before is never taken for a new one`() async throws {
        _ = try await shared.node("a", createsDefaultNetwork: true).networkConfiguration()
        try File.rename(shared.path, to: shared.appending("away"))
        try Directory.create(shared.path, mode: 0o755)
        let restarted = try shared.node("a", createsDefaultNetwork: true)
        try await expectError(.storeUnavailable, ["mounted", "state-a/stores"], from: restarted)
        #expect(try Directory.names(in: shared.path).isEmpty)
        try Directory.remove(shared.path)
        try await expectError(.storeUnavailable, ["mounted"], from: restarted)
        try File.rename(shared.appending("away"), to: shared.path)
        #expect(try await restarted.networkConfiguration().families.v4?.network.description == "10.244.0.0/16")
    }

    @Test func `a configuration that cannot be used is told with its path`() async throws {
        try shared.write("config.json", #"{"Network":"10.5.0.0/16","SubnetLen":31}"#)
        try await expectError(.configuration, ["config.json", "SubnetLen", "31"], from: try shared.node("a"))
        try shared.write("config.json", #"{"Network":"#)
        try await expectError(.configuration, ["config.json", "line 1"], from: try shared.node("a"))
    }
}
