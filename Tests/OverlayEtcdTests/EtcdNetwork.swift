// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import IPAddresses
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayEtcd
internal import Testing

/// One etcd for all tests that do it no harm; it ends with the process.
enum SharedServer {
    static let server = Result { try EtcdServer.started() }
}

/// A network in an etcd of its own, and the nodes that share it.
final class EtcdNetwork: Sendable {
    let server: EtcdServer
    let prefix: String
    let client: EtcdClient
    private let root: TemporaryDirectory

    /// Starts etcd and writes a configuration.
    init(
        _ configuration: String? = #"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}"#,
        server: EtcdServer? = nil,
        prefix: String = "/coreos.com/network"
    ) throws {
        self.server = try server ?? EtcdServer.started()
        self.prefix = prefix
        root = try TemporaryDirectory()
        client = try EtcdClient(EtcdClientOptions(endpoints: [self.server.endpoint]))
        if let configuration { try self.server.control("put", "\(prefix)/config", configuration) }
    }

    /// Runs a test on a network, and closes its connections.
    static func with(
        _ configuration: String? = #"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}"#,
        server: EtcdServer? = nil,
        _ body: (EtcdNetwork) async throws -> Void
    ) async throws {
        let prefix = server == nil ? "/coreos.com/network" : "/test-\(UInt32.random(in: 0...UInt32.max))"
        let network = try EtcdNetwork(configuration, server: server, prefix: prefix)
        do { try await body(network) } catch {
            await network.client.shutdown()
            throw error
        }
        await network.client.shutdown()
    }

    /// Runs a part of a test with a node's store; the same name is the same node after a restart.
    func node<Result>(
        _ name: String,
        _ change: (inout EtcdStoreOptions) -> Void = { _ in },
        _ body: (EtcdSubnetStore) async throws -> Result
    ) async throws -> Result {
        let store = try makeStore(name, change)
        do {
            let result = try await body(store)
            await store.shutdown()
            return result
        } catch {
            await store.shutdown()
            throw error
        }
    }

    /// A node's store, which the caller shuts down.
    func makeStore(_ name: String, _ change: (inout EtcdStoreOptions) -> Void = { _ in }) throws -> EtcdSubnetStore {
        var options = EtcdStoreOptions(client: EtcdClientOptions(endpoints: [server.endpoint]))
        options.prefix = prefix
        options.stateDirectory = stateDirectory(of: name)
        change(&options)
        return try EtcdSubnetStore(options)
    }

    /// Where a node keeps what is its own.
    func stateDirectory(of name: String) -> String { root.appending("state-\(name)") }

    /// The full name of a lease's key.
    func key(_ name: String) -> String { "\(prefix)/subnets/\(name)" }

    /// Writes a key as someone else would, with or without an etcd lease.
    @discardableResult
    func write(_ name: String, _ value: String, lease: Int64 = 0) async throws -> Int64 {
        try await client.put(key(name), Array(value.utf8), lease: lease)
    }

    /// What the store holds of leases, by the name of their keys.
    func entries() async throws -> [String: EtcdEntry] {
        let listing = try await client.list(.prefix("\(prefix)/subnets/"))
        return Dictionary(uniqueKeysWithValues: listing.entries.map { (String($0.key.dropFirst(key("").count)), $0) })
    }

    /// The value of a lease's key as text; nil when there is none.
    func value(_ name: String) async throws -> String? {
        try await client.entry(key(name)).map { String(decoding: $0.value, as: UTF8.self) }
    }
}

/// What a Go flanneld with an address writes.
func goValue(_ address: String, mac: String = "c6:d2:32:6f:8f:44") -> String {
    #"{"PublicIP":"\#(address)","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"\#(mac)"}}"#
}

extension NodeDescription {
    /// A node with a number, whose device is there already.
    static func numbered(_ number: Int) -> NodeDescription {
        NodeDescription(
            publicAddresses: PerFamily(v4: IPAddress("192.0.2.\(number)")),
            deviceMACs: PerFamily(v4: MACAddress("c6:d2:32:6f:8f:44"))
        )
    }
}

extension EtcdSubnetStore {
    /// Takes or renews the lease and returns the name of its key.
    @discardableResult
    func hold(_ number: Int = 1, previous: String? = nil) async throws -> String {
        try await hold(.numbered(number), previous: previous).lease.subnets.leaseKey
    }

    /// Takes or renews the lease.
    @discardableResult
    func hold(_ node: NodeDescription, previous: String? = nil) async throws -> HeldLease {
        let network = try await networkConfiguration()
        let preferred = previous.flatMap { PerFamily<IPPrefix>(leaseKey: $0) } ?? PerFamily()
        return try await holdLease(publishing: node, in: network, previous: preferred)
    }

    /// The first snapshot, as a new consumer gets it.
    func look() async -> SubnetSnapshot {
        for await snapshot in snapshots() { return snapshot }
        Issue.record("no snapshot")
        return SubnetSnapshot(own: nil, peers: [])
    }

    /// The keys of all peers as this node sees them now.
    func peers() async -> [String] { await look().peers.map(\.subnets.leaseKey) }
}

/// Expects a failure of a kind whose text contains some words.
func expectFailure(
    _ code: OverlayError.Code,
    _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    let error = await #expect(throws: OverlayError.self, sourceLocation: sourceLocation) { try await body() }
    let text = error?.description ?? "none"
    #expect(error?.code == code, "\(text)", sourceLocation: sourceLocation)
    for word in words { #expect(text.contains(word), "\(text)", sourceLocation: sourceLocation) }
}
