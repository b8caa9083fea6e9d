// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// A node with many containers that publish ports.
    @Suite(.requiresProducts("bridge", "host-local", "portmap"), .requiresPrograms("nft"))
    struct Scale {
        /// How many containers there are in the end: 1,000 in the long form.
        private static var containers: Int { BuiltProducts.runsLong ? 1000 : 100 }

        /// How many times slower an ADD may be in the end.
        ///
        /// The kernel walks through all verdict maps of a table when an element comes to one of them, 0.1 µs an element and
        /// hook; a container with addresses of both families has twice as many. The short form has a tenth of the containers:
        /// it is there to fail on anything worse.
        private static func limit(_ families: [AddressFamily]) -> Double {
            if !BuiltProducts.runsLong { return 2 }
            return families.count == 1 ? 1.3 : 1.5
        }

        @Test(arguments: [[AddressFamily.v4], [.v4, .v6]])
        func `ADD and a packet's way through the rules cost the same however many containers there are`(
            _ families: [AddressFamily]
        ) throws {
            let node = try CrowdedNode(families)
            try node.fill(to: 1)
            let linesOfOne = try node.traceLines()
            try node.fill(to: 10)
            let few = try node.further(50)
            try node.fill(to: Self.containers)
            let many = try node.further(50)
            let linesOfMany = try node.traceLines()
            print(
                "\(families): bridge + ipMasq, then portmap with 5 ports, median of 50:"
                    + " \(Timing.text(few.bridge)) + \(Timing.text(few.portmap)) ms with 10 containers,"
                    + " \(Timing.text(many.bridge)) + \(Timing.text(many.portmap)) ms with \(Self.containers);"
                    + " lines of trace: \(linesOfOne) with 1, \(linesOfMany) with \(Self.containers)"
            )
            #expect(linesOfOne == linesOfMany)
            #expect(linesOfOne > 5, "a first packet passes at least our chains")
            #expect(many.bridge + many.portmap <= Self.limit(families) * (few.bridge + few.portmap))
        }
    }
}

/// A host with ten containers on one network, and all others on networks of fifty.
///
/// A bridge floods what a new container announces to all its ports, and each container's kernel takes it in before the ADD
/// goes on: some 4 µs a port. So the network on which is measured does not grow; all rules are in the same tables.
private final class CrowdedNode {
    /// The middle of the times of ADDs, in milliseconds.
    struct Times {
        let bridge: Double
        let portmap: Double
    }

    private let site: Site
    private var pods: [Pod] = []
    private let tracer: FirstPacketTracer
    private let families: [AddressFamily]

    init(_ families: [AddressFamily]) throws {
        let site = try Site()
        self.families = families
        self.site = site
        tracer = try FirstPacketTracer(site, port: Self.ports(of: 0)[0].host)
    }

    /// Attaches until there are so many containers.
    func fill(to count: Int) throws {
        while pods.count < count {
            pods.append(
                try site.host.pod(
                    "resident-\(pods.count)",
                    on: network(pods.count < 10 ? 0 : 1 + pods.count / 50),
                    publishing: Self.ports(of: pods.count)
                )
            )
        }
    }

    private func network(_ number: Int) -> ContainerNetwork {
        let subnets = families.map { $0 == .v4 ? "10.\(50 + number).0.0/24" : "fd00:\(50 + number)::/64" }
        return ContainerNetwork.pods(
            "net\(number)",
            bridge: "cni-\(number)",
            ranges: subnets.map { Networks.range($0) },
            dataDirectory: site.host.dataDirectory
        ).chaining("portmap")
    }

    /// How many go before those that are timed.
    private let warmUp = 10

    /// Attaches and detaches further containers, one at a time.
    func further(_ count: Int) throws -> Times {
        // New interfaces report their multicast groups a few more times.
        sleep(BuiltProducts.runsLong ? 5 : 0)
        var times: [[Double]] = [[], []]
        // The kernel is to remove none of their namespaces meanwhile: it asks each of the others whether it knows it.
        let containers = try (0..<warmUp + count).map { try TestContainer("further-\($0)") }
        for (number, container) in containers.enumerated() {
            var attachment = Attachment(
                container,
                to: network(0),
                publishing: Self.ports(of: 1000 + number)
            )
            for index in times.indices {
                let request = attachment.request(index, verb: "ADD", previousResult: attachment.result)
                var result: JSONNode?
                times[index].append(try Timing.milliseconds { result = try site.host.add(request).result })
                attachment.result = result
            }
            try site.host.detach(attachment)
        }
        return Times(
            bridge: Timing.median(Array(times[0].dropFirst(warmUp))),
            portmap: Timing.median(Array(times[1].dropFirst(warmUp)))
        )
    }

    /// How many lines `nft monitor trace` prints for the first packet to a published port of the first container.
    func traceLines() throws -> Int { try tracer.lines() }

    private static func ports(of container: Int) -> [PublishedPort] {
        (0..<5).map { PublishedPort(host: 10_000 + 5 * container + $0, container: 80 + $0, transport: .tcp) }
    }
}

/// Follows the first packets of connections from outside to a port through all rules of a host.
private struct FirstPacketTracer {
    private let site: Site
    private let port: UInt16
    private let log: String

    /// Marks these packets before all others see them.
    init(_ site: Site, port: Int) throws {
        self.site = site
        self.port = UInt16(port)
        log = site.host.path("trace")
        try site.host.run("nft", "add table inet tracing")
        try site.host.run("nft", "add chain inet tracing first { type filter hook prerouting priority -400; }")
        try site.host.run(
            "nft",
            "add rule inet tracing first tcp dport \(port) tcp flags syn meta nftrace set 1"
        )
    }

    /// The lines of one first packet.
    func lines() throws -> Int {
        let program = "/usr/bin/stdbuf"
        let words = ["-oL", "/bin/sh", "-c", "exec /usr/sbin/nft monitor trace > '\(log)'"]
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        let monitor = try site.host.namespace.run {
            Result { try ChildProcess.start(program, arguments: words, environment: environment) }
        }.get()
        defer { withExtendedLifetime(monitor) {} }
        // It reads the whole ruleset before it listens: until then no packet is seen.
        var (last, stillness) = (0, 0)
        for _ in 0..<200 {
            let client = try TrafficSocket(
                .tcp,
                boundTo: Endpoint(AddressFamily.v4.anyAddress, 0),
                in: site.outside.namespace
            )
            _ = client.connect(to: Endpoint(Place.host.address(.v4), port))
            usleep(100_000)
            let text = String(decoding: (try? File.contents(of: log)) ?? [], as: UTF8.self)
            let packets = Dictionary(grouping: text.split(separator: "\n").filter { $0.hasPrefix("trace id ") }) {
                $0.split(separator: " ")[2]
            }
            // Once it stands still: the last packet may be printed in part.
            let count = packets.values.map(\.count).max() ?? 0
            stillness = count == last ? stillness + 1 : 0
            if count > 0, stillness == 5 { return count }
            last = count
        }
        throw TestFailure("nft monitor trace prints nothing")
    }
}
