// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct Routes: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket
    let link: LinkIndex

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try RouteSocket.open(in: namespace)
        let pair = try socket.addVeth(VethPair(name: "eth0", isUp: true, peerName: "peer"))
        if let peer = pair.peer { try socket.bringUp(peer) }
        for text in ["10.1.0.2/24", "fd00::2/64"] {
            try socket.addAddress(LinkAddress(prefix: try prefix(text), flags: .noDAD), to: pair.host)
        }
        self.link = pair.host
        self.namespace = namespace
        self.socket = socket
    }

    func route(
        _ destination: String,
        via gateway: String? = nil,
        configure: (inout Route) -> Void = { _ in }
    ) throws -> Route {
        var route = Route(destination: try prefix(destination), interface: link)
        if let gateway { route.gateway = try ip(gateway) }
        configure(&route)
        return route
    }

    /// What `ip` says about the routes of a destination.
    func witness(_ destination: String, table: String = "main", family: String = "-4") throws -> [JSONNode] {
        try Command.json("ip", "-j", "-d", family, "route", "show", "table", table, in: namespace)
            .elements().filter { $0["dst"]?.value == .string(destination) }
    }

    @Test(arguments: [("0.0.0.0/0", "10.1.0.1", "-4"), ("::/0", "fd00::1", "-6")])
    func `a default route goes through a gateway`(destination: String, gateway: String, family: String) throws {
        try socket.addRoute(try route(destination, via: gateway))
        let seen = try #require(try witness("default", family: family).first)
        #expect(try seen["gateway"]?.string() == gateway)
        #expect(try seen["dev"]?.string() == "eth0")
        #expect(try seen["protocol"]?.string() == "boot")
        #expect(try seen["scope"]?.string() == "global")
        let read = try #require(try socket.routes(table: 254).first { $0.destination.description == destination })
        #expect(read.gateway == IPAddress(gateway))
        #expect(read.interface == link)
        #expect(read.protocolNumber == 3)
        #expect(read.type == .unicast)
        #expect(read.unknownAttributes.isEmpty)
    }

    @Test func `a route has metric, table, protocol, source, MTU and segment size`() throws {
        let wanted = try route("10.9.0.0/16", via: "10.1.0.1") {
            $0.priority = 77
            $0.table = 4000
            $0.protocolNumber = 86
            $0.source = IPAddress("10.1.0.2")
            $0.mtu = 1400
            $0.advertisedMSS = 1360
        }
        try socket.addRoute(wanted)
        let seen = try #require(try witness("10.9.0.0/16", table: "4000").first)
        #expect(try seen["metric"]?.integer() == 77)
        #expect(try seen["protocol"]?.string() == "86")
        #expect(try seen["prefsrc"]?.string() == "10.1.0.2")
        let metrics = try #require(try seen["metrics"]?.elements().first)
        #expect(try metrics["mtu"]?.integer() == 1400)
        #expect(try metrics["advmss"]?.integer() == 1360)
        var expected = wanted
        expected.scope = 0
        #expect(try socket.routes(family: .v4, table: 4000) == [expected])
        #expect(try socket.routes(family: .v4, table: 4000, interface: link) == [expected])
        #expect(try !socket.routes(family: .v4, table: 254).contains(expected))
    }

    @Test func `a route without gateway has the scope of the link, or the one that is given`() throws {
        try socket.addRoute(try route("10.8.0.0/16"))
        try socket.addRoute(try route("10.7.0.0/16") { $0.scope = 0 })
        #expect(try witness("10.8.0.0/16").first?["scope"]?.string() == "link")
        #expect(try witness("10.7.0.0/16").first?["scope"]?.string() == "global")
    }

    @Test func `a gateway outside the subnet needs the onlink flag`() throws {
        let error = try #require(throws: NetlinkError.self) {
            try socket.addRoute(try route("10.9.0.0/16", via: "172.16.0.1"))
        }
        #expect(error.number == .networkUnreachable)
        #expect(error.description.hasPrefix("add route 10.9.0.0/16 via 172.16.0.1 on eth0: ENETUNREACH"))
        try socket.addRoute(try route("10.9.0.0/16", via: "172.16.0.1") { $0.isOnLink = true })
        #expect(try witness("10.9.0.0/16").first?["flags"]?.strings() == ["onlink"])
        #expect(try socket.routes(family: .v4, table: 254).contains { $0.isOnLink && $0.gateway != nil })
    }

    @Test func `an IPv4 route may have an IPv6 gateway`() throws {
        try socket.addRoute(try route("10.9.0.0/16", via: "fd00::1"))
        let via = try #require(try witness("10.9.0.0/16").first?["via"])
        #expect(try via["host"]?.string() == "fd00::1")
        let read = try socket.routes(family: .v4, table: 254).first { $0.destination.description == "10.9.0.0/16" }
        #expect(read?.gateway == IPAddress("fd00::1"))
    }

    @Test func `adding twice is refused, appending and replacing are not`() throws {
        let first = try route("10.9.0.0/16", via: "10.1.0.1")
        try socket.addRoute(first)
        let error = try #require(throws: NetlinkError.self) {
            try socket.addRoute(try route("10.9.0.0/16", via: "10.1.0.9"))
        }
        #expect(error.number == .exists)
        try socket.addRoute(try route("10.9.0.0/16", via: "10.1.0.9"), appending: true)
        #expect(try witness("10.9.0.0/16").map { try $0["gateway"]?.string() } == ["10.1.0.1", "10.1.0.9"])
        try socket.replaceRoute(try route("10.9.0.0/16", via: "10.1.0.5"))
        #expect(try witness("10.9.0.0/16").map { try $0["gateway"]?.string() } == ["10.1.0.5", "10.1.0.9"])
    }

    @Test(arguments: ["10.9.0.0/16", "fd09::/64"])
    func `a route of any protocol and scope is removed by its destination`(destination: String) throws {
        let family = destination.contains(":") ? "-6" : "-4"
        try socket.addRoute(try route(destination) { $0.protocolNumber = 86 })
        #expect(try witness(destination, family: family).count == 1)
        try socket.removeRoute(try route(destination))
        #expect(try witness(destination, family: family).isEmpty)
        let error = try #require(throws: NetlinkError.self) { try socket.removeRoute(try route(destination)) }
        #expect(error.number == .noSuchProcess)
    }

    @Test func `removal spares the routes that differ in what is given`() throws {
        try socket.addRoute(try route("10.9.0.0/16", via: "10.1.0.1") { $0.priority = 5 })
        try socket.addRoute(try route("10.9.0.0/16", via: "10.1.0.9") { $0.priority = 6 })
        try socket.removeRoute(try route("10.9.0.0/16") { $0.priority = 6 })
        #expect(try witness("10.9.0.0/16").map { try $0["gateway"]?.string() } == ["10.1.0.1"])
    }

    @Test func `a blackhole needs no interface`() throws {
        try socket.addRoute(Route(destination: try prefix("10.66.0.0/16"), type: .blackhole))
        #expect(try witness("10.66.0.0/16").first?["type"]?.string() == "blackhole")
    }

    @Test func `a table without routes is empty, not an error`() throws {
        #expect(try socket.routes(table: 12345) == [])
    }

    @Test func `a default route of another destination length is not mistaken for it`() throws {
        try socket.addRoute(try route("0.0.0.0/1", via: "10.1.0.1"))
        #expect(try witness("0.0.0.0/1").count == 1)
        #expect(try witness("default").isEmpty)
    }
}
