// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Synchronization
import Testing

extension EndToEnd {
    /// Many runtimes' workers on one network at once.
    @Suite(.requiresProducts("bridge", "host-local")) struct Parallel {
        @Test func `eight workers attach and detach at once without sharing an address or leaving anything`() throws {
            let workers = 8
            let pairs = 200
            let host = try TestHost()
            let configuration = Networks.bridge(
                dataDirectory: host.dataDirectory,
                ranges: [Networks.range("10.77.0.0/22")]
            )
            let warmUp = try TestContainer("warm-up")
            _ = try host.add(PluginRequest("bridge", configuration, warmUp))
            try host.succeed(PluginRequest("bridge", configuration, warmUp), verb: "DEL")
            let before = try Snapshot(of: host)

            let live = LiveAddresses()
            try Threads.run(workers) { worker in
                let container = try TestContainer("worker-\(worker)")
                for pair in 0..<pairs {
                    var request = PluginRequest("bridge", configuration, container)
                    request.containerID += "-\(pair)"
                    let address = try host.add(request).address(.v4)
                    try live.insert(address, owner: request.containerID)
                    // From here on the plugin may give it to somebody else.
                    live.remove(address)
                    try host.succeed(request, verb: "DEL")
                }
            }
            #expect(live.granted == workers * pairs)
            #expect(try Snapshot(of: host).difference(from: before) == [])
        }
        @Test(.requiresProducts("portmap"), .requiresPrograms("nft"))
        func `eight workers masquerade and publish at once without failing or leaving anything`() throws {
            let workers = 8
            let pairs = 100
            let site = try Site()
            let network = ContainerNetwork.pods("one", subnet: 77, on: site.host).chaining("portmap")
            @Sendable func ports(_ worker: Int) -> [PublishedPort] {
                Transport.allCases.map { PublishedPort(host: 10_000 + worker, container: 80, transport: $0) }
            }
            try site.warmUp(network, publishing: ports(workers))
            let before = try Snapshot(of: site.host)
            let resident = try site.host.pod("resident", on: network, publishing: ports(workers))
            let busy = try Snapshot(of: site.host)

            try Threads.run(workers) { worker in
                let container = try TestContainer("worker-\(worker)")
                for pair in 0..<pairs {
                    var attachment = Attachment(container, to: network, publishing: ports(worker))
                    attachment.containerID += "-\(pair)"
                    try site.host.attach(&attachment)
                    try site.host.detach(attachment)
                }
            }
            #expect(try Snapshot(of: site.host).difference(from: busy) == [])
            for family in AddressFamily.allCases {
                try site.expectServed(resident, port: UInt16(10_000 + workers), family)
            }
            try site.host.detach(resident)
            #expect(try Snapshot(of: site.host).difference(from: before) == [])
        }
    }
}

/// The addresses that containers hold at the moment.
private final class LiveAddresses: Sendable {
    private let state = Mutex((owners: [IPAddress: String](), granted: 0))

    /// How many addresses were granted in all.
    var granted: Int { state.withLock { $0.granted } }

    /// Notes a grant.
    ///
    /// - Throws: when another container holds the address.
    func insert(_ address: IPAddress, owner: String) throws {
        let other = state.withLock { state in
            state.granted += 1
            return state.owners.updateValue(owner, forKey: address)
        }
        if let other { throw TestFailure("\(address) belongs to \(other) and to \(owner)") }
    }

    func remove(_ address: IPAddress) { _ = state.withLock { $0.owners.removeValue(forKey: address) } }
}
