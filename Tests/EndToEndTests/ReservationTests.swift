// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// host-local's directory: shared with the reference, and large.
    @Suite(.requiresProducts("bridge", "host-local")) struct Reservations {
        /// Whose bridge asks whose host-local.
        private struct Pairing: CustomStringConvertible {
            let bridge: String
            let hostLocal: String

            var description: String {
                let owner = { $0 == BuiltProducts.reference ? "the reference's" : "our" }
                return "\(owner(bridge)) bridge with \(owner(hostLocal)) host-local"
            }
        }

        @Test(.requiresReference)
        func `one directory serves our plugins and the reference's in turns`() throws {
            let ours = BuiltProducts.directory
            let reference = BuiltProducts.reference
            let pairings = [
                Pairing(bridge: ours, hostLocal: ours), Pairing(bridge: ours, hostLocal: reference),
                Pairing(bridge: reference, hostLocal: ours),
            ]
            let host = try TestHost()
            // Thirteen addresses of each family, the gateways not counted.
            let configuration = Networks.bridge(
                dataDirectory: host.dataDirectory,
                ranges: [
                    Networks.range("10.82.0.0/28"),
                    Networks.range("fd00:82::/64", from: "fd00:82::2", to: "fd00:82::e"),
                ]
            )
            func request(_ container: TestContainer, _ pairing: Pairing) -> PluginRequest {
                var request = PluginRequest("bridge", configuration, container)
                request.directory = pairing.bridge
                request.pluginPath = [pairing.hostLocal]
                return request
            }

            for round in 0..<3 {
                var containers: [TestContainer] = []
                var granted: Set<IPAddress> = []
                for number in 0..<13 {
                    let container = try TestContainer("turn-\(round)-\(number)")
                    containers.append(container)
                    let pairing = pairings[(round + number) % pairings.count]
                    let added = try host.add(request(container, pairing))
                    #expect(added.addresses.count == 2)
                    for address in added.addresses {
                        #expect(granted.insert(address.address).inserted, "\(address) twice, by \(pairing)")
                    }
                    // The same attachment asks again, the other implementation this time: it has its addresses.
                    for directory in [ours, reference] {
                        var again = PluginRequest(
                            "host-local",
                            Networks.hostLocalOnly(
                                dataDirectory: host.dataDirectory,
                                ranges: [Networks.range("10.82.0.0/28")]
                            ),
                            container
                        )
                        again.directory = directory
                        let outcome = try host.outcome(of: again)
                        #expect(outcome.termination == .exited(1), "\(directory): \(outcome.summary)")
                        let check = try host.outcome(of: again.with(previousResult: added.result).with(verb: "CHECK"))
                        #expect(check.termination == .exited(0), "\(directory): \(check.summary)")
                    }
                }
                for pairing in pairings {
                    let surplus = try TestContainer("surplus")
                    let outcome = try host.outcome(of: request(surplus, pairing))
                    #expect(outcome.termination == .exited(1), "\(pairing), 14th of 13: \(outcome.summary)")
                    try host.succeed(request(surplus, pairing), verb: "DEL")
                }
                for (number, container) in containers.enumerated() {
                    // Deleted by another pairing than the one that added it.
                    let pairing = pairings[(round + number + 1) % pairings.count]
                    try host.succeed(request(container, pairing), verb: "DEL")
                }
                #expect(Snapshot.reservations(on: host) == [], "round \(round)")
            }
        }

        @Test func `ten thousand reservations cost no more than ten`() throws {
            let few = try ReservationDirectory(reservations: 10)
            let many = try ReservationDirectory(reservations: 10_000)
            // The first run finds a directory that somebody else filled.
            _ = try few.measure(number: 0)
            _ = try many.measure(number: 0)
            var samples: [(few: [String: Double], many: [String: Double])] = []
            for number in 1...60 {
                samples.append((try few.measure(number: number), try many.measure(number: number)))
            }
            for step in ReservationDirectory.steps {
                let low = Timing.median(samples.compactMap { $0.few[step] })
                let high = Timing.median(samples.compactMap { $0.many[step] })
                print("host-local \(step): \(Timing.text(low)) ms at 10, \(Timing.text(high)) ms at 10,000")
                // The budget is 1.5; these machines are noisy.
                #expect(high <= low * 1.5 * 1.5, "\(step): \(Timing.text(low)) ms grow to \(Timing.text(high)) ms")
            }
        }
    }
}

/// A reservation directory as the reference leaves it, full from its first address on.
private struct ReservationDirectory {
    static var steps: [String] { ["ADD", "CHECK", "DEL", "DEL of an unknown attachment"] }

    private let host: TestHost
    private let configuration: JSONValue
    private let cursor: String

    init(reservations: Int) throws {
        host = try TestHost()
        let directory = "\(host.dataDirectory)/pods"
        try Directory.create(directory, mode: 0o755)
        for number in 0..<reservations {
            let address = IPv4Address(rawValue: 0x0a53_0002 + UInt32(number))
            try File.create("\(directory)/\(address)", with: Array("someone-\(number)\r\neth0".utf8))
        }
        cursor = "\(directory)/last_reserved_ip.0"
        try File.create(cursor, with: Array("10.83.0.2".utf8))
        configuration = Networks.hostLocalOnly(
            dataDirectory: host.dataDirectory,
            ranges: [Networks.range("10.83.0.0/16")]
        )
    }

    /// One attachment's life, in milliseconds for each step.
    func measure(number: Int) throws -> [String: Double] {
        // In place, as the reference writes it: the occupied run lies directly behind the cursor again.
        let file = try OwnedFileDescriptor.open(cursor, .write)
        guard ftruncate(file.rawValue, 0) == 0 else { throw SystemCallError("ftruncate", on: cursor, .current) }
        try file.writeAll(Array("10.83.0.2".utf8))

        let request = PluginRequest(
            "host-local",
            configuration,
            containerID: "measured-\(number)",
            namespacePath: "/proc/self/ns/none"
        )
        var unknown = request
        unknown.containerID = "unknown-\(number)"
        var times: [String: Double] = [:]
        var added: AddedAttachment?
        times["ADD"] = try Timing.milliseconds { added = try host.add(request) }
        guard let added else { throw TestFailure("no result") }
        let check = request.with(previousResult: added.result)
        times["CHECK"] = try Timing.milliseconds { try host.succeed(check, verb: "CHECK") }
        times["DEL of an unknown attachment"] = try Timing.milliseconds { try host.succeed(unknown, verb: "DEL") }
        times["DEL"] = try Timing.milliseconds { try host.succeed(request, verb: "DEL") }
        return times
    }
}
