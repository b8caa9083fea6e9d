// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import OverlayFile
internal import Synchronization
internal import Testing

/// A clock that goes when it is told to.
final class HandClock: Sendable {
    private let time: Mutex<Duration>

    init(_ start: Duration = .zero) { time = Mutex(start) }

    func advance(_ duration: Duration) { time.withLock { $0 += duration } }
    var now: Duration { time.withLock { $0 } }
}

/// A directory that several nodes share, each with a state directory of its own.
final class SharedDirectory: Sendable {
    private let root: TemporaryDirectory

    init(_ configuration: String? = #"{"Network":"10.5.0.0/16"}"#) throws {
        root = try TemporaryDirectory()
        if let configuration { try write("config.json", configuration) }
    }

    /// The shared directory.
    var path: String { root.appending("shared") }
    func appending(_ name: String) -> String { root.appending(name) }

    func write(_ name: String, _ text: String) throws {
        let path = "\(path)/\(name)"
        try Directory.create(Path.parent(of: path), mode: 0o755)
        try File.replace(path, with: Array(text.utf8), mode: 0o644)
    }

    func read(_ name: String) throws -> String {
        String(decoding: try File.contents(of: "\(path)/\(name)"), as: UTF8.self)
    }

    /// The names of the leases' files, sorted.
    func files() throws -> [String] { try Directory.names(in: "\(path)/subnets").sorted() }

    /// A node's view; the same name is the same node after a restart.
    func node(
        _ name: String,
        clock: HandClock = HandClock(),
        timeToLive: Duration = .seconds(86_400),
        createsDefaultNetwork: Bool = false,
        pollPeriod: Duration = .milliseconds(50)
    ) throws -> FileSubnetStore {
        var options = FileStoreOptions(directory: path)
        options.stateDirectory = appending("state-\(name)")
        options.subnetFile = appending("state-\(name)/subnet.env")
        options.createsDefaultNetwork = createsDefaultNetwork
        options.timeToLive = timeToLive
        options.pollPeriod = pollPeriod
        options.clock = { clock.now }
        return try FileSubnetStore(options)
    }
}

extension LeaseAttributes {
    /// What a node with a number publishes.
    static func numbered(_ number: Int) -> LeaseAttributes {
        LeaseAttributes(
            publicAddresses: PerFamily(v4: IPAddress("192.0.2.\(number)")),
            backendType: .vxlan,
            backendData: PerFamily(v4: ["VNI": 1, "VtepMAC": "c6:d2:32:6f:8f:44"])
        )
    }
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

extension FileSubnetStore {
    /// Takes or renews the lease and returns its key.
    @discardableResult
    func hold(_ number: Int = 1, previous: String? = nil) throws -> String {
        let network = try networkConfiguration()
        let preferred = previous.flatMap { PerFamily<IPPrefix>(leaseKey: $0) } ?? PerFamily()
        return try holdLease(publishing: .numbered(number), in: network, previous: preferred).lease.subnets
            .leaseKey
    }

    /// The keys of all peers as this node sees them now.
    func peers() async -> [String] { await look().peers.map(\.subnets.leaseKey) }

    /// The first snapshot, as a new consumer gets it.
    func look() async -> SubnetSnapshot {
        for await snapshot in snapshots() { return snapshot }
        Issue.record("no snapshot")
        return SubnetSnapshot(own: nil, peers: [])
    }
}
