// swift-cni, SPDX-License-Identifier: Apache-2.0

import Conntrack
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// What becomes of packets: a host that publishes port 8080 for containers, and somebody outside.
@Suite struct `Packets through a published port` {
    /// The namespaces; `host` is 192.168.0.1, the containers are 10.1.0.2 and 10.1.0.3, and so on in IPv6.
    final class Network {
        let host: NetworkNamespace
        let outside: NetworkNamespace
        let first: NetworkNamespace
        let second: NetworkNamespace
        let conntrack: ConntrackSocket

        init() throws {
            host = try .temporary()
            outside = try .temporary()
            first = try .temporary()
            second = try .temporary()
            try Network.run(
                [
                    "ip link add cni0 up type bridge", "ip address add 10.1.0.1/24 dev cni0",
                    "ip address add fd00::1/64 dev cni0 nodad", "ip link set lo up",
                    "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
                    "nft add table inet t",
                    "nft add chain inet t ports { type nat hook prerouting priority -100 ; }",
                    "nft add chain inet t leaving { type nat hook postrouting priority 100 ; }",
                    // The kernel tracks connections of a namespace once a rule needs it.
                    "nft add rule inet t leaving ct state new counter",
                ],
                in: host
            )
            try Network.connect(
                host,
                "out",
                outside,
                ["192.168.0.1/24", "2001:db8::1/64"],
                ["192.168.0.9/24", "2001:db8::9/64"]
            )
            try Network.addContainer(first, 2, to: host)
            try Network.addContainer(second, 3, to: host)
            conntrack = try ConntrackSocket.open(in: host)
        }

        private static func addContainer(
            _ container: borrowing NetworkNamespace,
            _ number: Int,
            to host: borrowing NetworkNamespace
        ) throws {
            try connect(host, "c\(number)", container, [], ["10.1.0.\(number)/24", "fd00::\(number)/64"])
            try run(["ip link set c\(number) master cni0"], in: host)
            try run(["ip route add default via 10.1.0.1", "ip route add default via fd00::1"], in: container)
        }

        private static func connect(
            _ host: borrowing NetworkNamespace,
            _ name: String,
            _ other: borrowing NetworkNamespace,
            _ addresses: [String],
            _ otherAddresses: [String]
        ) throws {
            try run(["ip link add \(name) up type veth peer name eth0 netns \(other.path)"], in: host)
            try run(["ip link set lo up", "ip link set eth0 up"], in: other)
            try run(addresses.map { "ip address add \($0) dev \(name)\($0.contains(":") ? " nodad" : "")" }, in: host)
            try run(
                otherAddresses.map { "ip address add \($0) dev eth0\($0.contains(":") ? " nodad" : "")" },
                in: other
            )
        }

        static func run(_ commands: [String], in namespace: borrowing NetworkNamespace) throws {
            for command in commands {
                _ = try namespace.run { Result { try Command.run(command.split(separator: " ").map(String.init)) } }
                    .get()
            }
        }

        /// Has the host's port 8080 lead to a container's port 80.
        func publish(_ family: AddressFamily, for number: Int) throws {
            let target = family == .v4 ? "ip to 10.1.0.\(number):80" : "ip6 to [fd00::\(number)]:80"
            try Network.run(
                [
                    "nft flush chain inet t ports",
                    "nft add rule inet t ports meta l4proto { tcp, udp } th dport 8080 dnat \(target)",
                ],
                in: host
            )
        }
    }

    /// The host's address, that of the first container, and that of the second.
    func addresses(_ family: AddressFamily) throws -> (host: IPAddress, first: IPAddress, second: IPAddress) {
        family == .v4
            ? (try ip("192.168.0.1"), try ip("10.1.0.2"), try ip("10.1.0.3"))
            : (try ip("2001:db8::1"), try ip("fd00::2"), try ip("fd00::3"))
    }

    @Test(arguments: AddressFamily.allCases)
    func `a datagram flow that began before the port was published is led to the container`(family: AddressFamily)
        throws
    {
        let network = try Network()
        let (host, container, _) = try addresses(family)
        let client = try PacketSocket.udp(family, in: network.outside)
        let server = try PacketSocket.udp(family, port: 80, in: network.first)
        // Somebody listens, so that the client is not told that nobody does.
        let other = try PacketSocket.udp(family, port: 8080, in: network.host)
        try client.send("early", to: host, 8080)
        #expect(try other.receive() == "early")
        try network.publish(family, for: 2)
        try client.send("stale", to: host, 8080)
        #expect(try other.receive() == "stale")

        let ports = [FlowFilter.Port(.udp, 8080, to: 80), .init(.tcp, 8080, to: 80)]
        let stale = try network.conntrack.flows(matching: FlowFilter(ports, notLeadingTo: [container]))
        #expect(stale.map(\.reply.source) == [host])
        #expect(try network.conntrack.remove(stale) == 1)
        try client.send("late", to: host, 8080)
        #expect(try server.receive() == "late")
        // Now it leads to the container and is none of those that keep packets away.
        #expect(try network.conntrack.flows(matching: FlowFilter(ports, notLeadingTo: [container])) == [])
    }

    @Test(arguments: AddressFamily.allCases)
    func `a datagram flow to a container that is gone is led to its successor`(family: AddressFamily) throws {
        let network = try Network()
        let (host, first, second) = try addresses(family)
        let client = try PacketSocket.udp(family, in: network.outside)
        let server = try PacketSocket.udp(family, port: 80, in: network.first)
        let successor = try PacketSocket.udp(family, port: 80, in: network.second)
        try network.publish(family, for: 2)
        try client.send("one", to: host, 8080)
        #expect(try server.receive() == "one")
        try network.publish(family, for: 3)
        try client.send("two", to: host, 8080)
        #expect(try server.receive() == "two")

        let ports = [FlowFilter.Port(.udp, 8080, of: host, to: 80)]
        // What leads to somebody else stays.
        try network.conntrack.removeFlows(matching: FlowFilter(ports, leadingTo: [second]))
        try client.send("three", to: host, 8080)
        #expect(try server.receive() == "three")
        try network.conntrack.removeFlows(matching: FlowFilter(ports, leadingTo: [first]))
        try client.send("four", to: host, 8080)
        #expect(try successor.receive() == "four")
    }

    @Test(arguments: AddressFamily.allCases)
    func `a connection is found by where it leads, masqueraded or not`(family: AddressFamily) throws {
        let network = try Network()
        let (host, container, _) = try addresses(family)
        try Network.run(["nft add rule inet t leaving masquerade"], in: network.host)
        try network.publish(family, for: 2)
        let listener = try PacketSocket.listener(family, port: 80, in: network.first)
        let client = try PacketSocket.connection(to: host, 8080, in: network.outside)
        let connection = try listener.accept()
        try client.send("hello")
        #expect(try connection.receive() == "hello")
        let flows = try network.conntrack.flows(
            matching: FlowFilter([.init(.tcp, 8080, to: 80)], leadingTo: [container])
        )
        let flow = try #require(flows.first)
        #expect(flows.count == 1)
        #expect(flow.original.destination == host)
        #expect(flow.reply.sourcePort == 80)
        // The container sees the host.
        #expect(flow.reply.destination == (family == .v4 ? try ip("10.1.0.1") : try ip("fd00::1")))
        #expect(Set(flows.map { WitnessedFlow($0) }).isSubset(of: try WitnessedFlow.all(in: network.host)))
        #expect(try network.conntrack.remove(flow))
        #expect(try !WitnessedFlow.all(in: network.host).contains { $0.id == flow.id })
    }
}
