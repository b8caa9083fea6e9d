// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import IPAddresses
internal import LinuxSystem
internal import Overlay
internal import OverlayFile
internal import Testing

/// A node that starts while the file of its own lease cannot be read.
@Suite struct TornLeaseTests {
    private let shared: SharedDirectory

    init() throws { shared = try SharedDirectory() }

    /// The key of a node's lease, whose file is torn now.
    private func torn(_ name: String, timeToLive: Duration = .seconds(86_400)) async throws -> String {
        let key = try await shared.node(name, timeToLive: timeToLive).hold(1)
        try shared.write("subnets/\(key).json", "{")
        return key
    }

    @Test func `a node that starts anew recognizes it, and repairs it`() async throws {
        let key = try await torn("a")
        let other = try shared.node("b")
        #expect(try await other.hold(2, previous: key) != key)
        let store = try shared.node("a")
        #expect(try await store.hold(1) == key)
        #expect(await store.look().own?.subnets.leaseKey == key)
        #expect(await other.peers() == [key])
        #expect(await other.look().problems.isEmpty)
        // It is an ordinary lease again.
        #expect(try await shared.node("a").hold(1) == key)
        #expect(try shared.files().count == 2)
    }

    @Test func `a file that the node did not renew is not taken for its own`() async throws {
        let key = try await torn("a")
        // As if another machine had been there before.
        try File.remove(shared.appending("state-a/leases"))
        #expect(try await shared.node("a").hold(1, previous: key) != key)
        #expect(try shared.read("subnets/\(key).json") == "{")
    }

    @Test func `after the lease's time it may have been given to somebody else`() async throws {
        let key = try await torn("a", timeToLive: .seconds(1))
        usleep(2_100_000)
        #expect(try await shared.node("a", timeToLive: .seconds(1)).hold(1, previous: key) != key)
    }

    @Test func `a lease that somebody else holds in its place counts`() async throws {
        let key = try await torn("a")
        let half = key.replacing("0-24", with: "0-25")
        try shared.write("subnets/\(half).json", #"{"PublicIP":"192.0.2.9","PublicIPv6":null}"#)
        let store = try shared.node("a")
        let taken = try await store.hold(1)
        #expect(taken != key)
        #expect(try Set(shared.files()) == ["\(half).json", "\(taken).json"])
    }

    @Test func `what was given back is forgotten`() async throws {
        let store = try shared.node("a")
        let key = try await store.hold(1)
        try await store.releaseLease()
        try shared.write("subnets/\(key).json", "{")
        #expect(try await shared.node("a").hold(1, previous: key) != key)
    }

    @Test func `where one lease takes all subnets it is named`() async throws {
        try shared.write("subnets/10.5.0.0-16.json", #"{"PublicIP":"192.0.2.9","PublicIPv6":null}"#)
        let store = try shared.node("a")
        let error = await #expect(throws: OverlayError.self) { try await store.hold(1) }
        #expect(error?.code == .outOfSubnets)
        #expect(
            error?.message.contains("10.5.0.0/16 from") == true && error?.message.hasSuffix(": 10.5.0.0/16") == true
        )
    }
}
