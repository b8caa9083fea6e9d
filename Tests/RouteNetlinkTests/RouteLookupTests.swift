// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct RouteLookups: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        for command in [
            "ip link set lo up", "ip link add eth0 type veth peer name peer", "ip link set peer up",
            "ip link set eth0 up", "ip address add 10.1.0.2/24 dev eth0", "ip address add fd00::2/64 dev eth0 nodad",
            "ip route add local 10.77.0.0/16 dev lo", "ip route add local fd77::/64 dev lo",
            "ip route add unreachable 10.61.0.0/16", "ip route add unreachable fd61::/64",
            "ip route add prohibit 10.62.0.0/16", "ip route add prohibit fd62::/64",
            "ip route add blackhole 10.63.0.0/16", "ip route add blackhole fd63::/64",
            "ip route add throw 10.64.0.0/16", "ip route add throw fd64::/64",
            "ip route add 10.65.0.0/16 via 10.1.0.9", "ip route add fd65::/64 via fd00::9",
        ] {
            _ = try namespace.run { Result { try Command.run(command.split(separator: " ").map(String.init)) } }.get()
        }
        self.socket = try RouteSocket.open(in: namespace)
        self.namespace = namespace
    }

    /// Type and interface as `ip route get` tells them; nil where it fails.
    func witness(_ address: String) throws -> (type: String, interface: String)? {
        let outcome = try namespace.run { Result { try Command.outcome(["ip", "-j", "route", "get", address]) } }.get()
        guard outcome.termination == .exited(0) else { return nil }
        let route = try #require(try JSONNode(try JSONValue(parsing: outcome.standardOutput)).elements().first)
        // ip does not mention the type of an ordinary route.
        return (try route["type"]?.string() ?? "unicast", try route.requiredMember("dev").string())
    }

    @Test(arguments: ["127.0.0.1", "127.0.0.5", "::1", "10.1.0.2", "fd00::2", "10.77.3.4", "fd77::3"])
    func `an address of this host is local`(address: String) throws {
        let found = try #require(try socket.route(to: try ip(address)))
        #expect(found.isLocal)
        #expect(found.interface == (try socket.link(named: "lo"))?.index)
        let seen = try #require(try witness(address))
        #expect(seen.type == "local")
        #expect(seen.interface == "lo")
    }

    @Test(arguments: ["10.1.0.3", "fd00::3", "10.65.0.1", "fd65::1"])
    func `an address elsewhere has the interface that leads to it`(address: String) throws {
        let found = try #require(try socket.route(to: try ip(address)))
        #expect(!found.isLocal)
        #expect(found.type == .unicast)
        #expect(found.interface == (try socket.link(named: "eth0"))?.index)
        let seen = try #require(try witness(address))
        #expect(seen.type == "unicast")
        #expect(seen.interface == "eth0")
    }

    @Test func `broadcast and multicast are not local`() throws {
        #expect(try socket.route(to: try ip("10.1.0.255"))?.type == .broadcast)
        #expect(try witness("10.1.0.255")?.type == "broadcast")
        #expect(try socket.route(to: try ip("ff02::1"))?.type == .multicast)
        #expect(try witness("ff02::1")?.type == "multicast")
    }

    @Test(
        arguments: [
            "172.16.0.1", "2001:db8::1",  // no route
            "10.61.0.1", "fd61::1",  // unreachable
            "10.62.0.1", "fd62::1",  // prohibit
            "10.63.0.1", "fd63::1",  // blackhole
            "10.64.0.1", "fd64::1",  // throw
        ]
    )
    func `an address that nothing leads to has no route`(address: String) throws {
        #expect(try socket.route(to: try ip(address)) == nil)
        #expect(try witness(address) == nil)
    }

    @Test func `rules are followed`() throws {
        try Command.run("ip", "route", "add", "10.66.0.0/16", "dev", "eth0", "table", "4000", in: namespace)
        #expect(try socket.route(to: try ip("10.66.0.1")) == nil)
        try Command.run("ip", "rule", "add", "to", "10.66.0.0/16", "lookup", "4000", in: namespace)
        #expect(try socket.route(to: try ip("10.66.0.1"))?.type == .unicast)
    }

    @Test func `an address ceases to be local when it is removed`() throws {
        #expect(try socket.route(to: try ip("10.1.0.2"))?.isLocal == true)
        try Command.run("ip", "address", "delete", "10.1.0.2/24", "dev", "eth0", in: namespace)
        #expect(try socket.route(to: try ip("10.1.0.2")) == nil)
    }
}
