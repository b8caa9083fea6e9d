// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Traffic of attachments while others come, go, and ask twice.
    @Suite(.requiresProducts("bridge", "host-local")) struct LiveAttachment {
        private static func configuration(for host: TestHost) -> JSONValue {
            Networks.bridge(
                dataDirectory: host.dataDirectory,
                ranges: [Networks.range("10.79.0.0/24"), Networks.range("fd00:79::/64")]
            )
        }

        /// What a container sees of its own interface.
        private static func state(of container: TestContainer) throws -> JSONValue {
            let link = try Command.json("ip", "-j", "-d", "addr", "show", "eth0", in: container.namespace)
            let routes = try Command.json("ip", "-j", "route", in: container.namespace)
            return [link.value, routes.value]
        }

        @Test(arguments: [AddressFamily.v4, .v6])
        func `a second ADD of a live attachment fails and leaves address and traffic alone`(
            _ family: AddressFamily
        ) throws {
            let host = try TestHost()
            let container = try TestContainer("live")
            let request = PluginRequest("bridge", Self.configuration(for: host), container)
            let address = try host.add(request).address(family)
            let before = try Snapshot(of: host)
            let inside = try Self.state(of: container)

            let ping = try Ping.start(address, from: host.namespace, seconds: 2)
            for _ in 0..<5 {
                let answer = try host.answer(to: request)
                let error = try #require(answer.error, "a second ADD must fail")
                #expect(error.message.contains("eth0"), "the complaint names the interface: \(error)")
            }
            let report = try ping.finish()
            #expect(report.answers.count == report.sent && report.sent > 50, "\(report.output.suffix(300))")
            #expect(try Snapshot(of: host).difference(from: before) == [])
            #expect(try Self.state(of: container) == inside)
            try host.succeed(request, verb: "DEL")
        }

        @Test(arguments: [AddressFamily.v4, .v6])
        func `an address that moves to a new container answers host and neighbour within a second`(
            _ family: AddressFamily
        ) throws {
            let host = try TestHost()
            let configuration = Self.configuration(for: host)
            let neighbour = try TestContainer("neighbour")
            _ = try host.add(PluginRequest("bridge", configuration, neighbour))
            let first = try TestContainer("first")
            var request = PluginRequest("bridge", configuration, first)
            let address = try host.add(request).address(family)
            try host.run("ping", "-n", "-c", "3", "-i", "0.5", address.description)

            let fromHost = try Ping.start(address, from: host.namespace, seconds: 4)
            let fromNeighbour = try Ping.start(address, from: neighbour.namespace, seconds: 4)
            // Both must know the old container's hardware address before it goes.
            let started = Ping.now
            while Ping.now < started + 0.5 { try host.run("ip", "neigh", "show") }
            try host.succeed(request, verb: "DEL")
            let second = try TestContainer("second")
            request = PluginRequest("bridge", configuration, second)
            request.arguments = "IgnoreUnknown=1;IP=\(address)"
            #expect(try host.add(request).address(family) == address)
            let moved = Ping.now

            for (name, report) in [("host", try fromHost.finish()), ("neighbour", try fromNeighbour.finish())] {
                #expect(report.answers.contains { $0 < moved - 0.1 }, "\(name): \(report.output.suffix(300))")
                let wait = report.answers.first { $0 >= moved }.map { $0 - moved }
                #expect((wait ?? .infinity) <= 1, "\(name) waited \(wait ?? .infinity) s")
                let later = report.answers.filter { $0 >= moved + 1 }
                #expect(later.count > 50, "\(name): \(report.output.suffix(300))")
            }
        }
    }
}
