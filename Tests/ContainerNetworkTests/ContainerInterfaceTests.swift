// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import ContainerNetwork
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import RouteNetlink
import Testing

@Suite struct `A container's interface` {
    @Test func `gets its addresses without waiting for duplicates of them`() throws {
        let pair = try ContainerPair()
        try pair.interface.prepareSettings()
        try pair.interface.apply(try NetworkResult.made(["10.1.0.2/24", "fd01::2/64"]), position: 2)
        let info = try #require(
            try Command.json("ip", "-j", "addr", "show", "dev", "eth0", in: pair.container).elements().first
        )
        #expect(try info["flags"]?.strings().contains("UP") == true)
        let addresses = try #require(try info["addr_info"]?.elements())
        let v6 = try #require(addresses.first { $0["local"]?.value == "fd01::2" })
        #expect(v6["nodad"]?.value == true)
        #expect(v6["tentative"] == nil)
        #expect(addresses.contains { $0["local"]?.value == "10.1.0.2" && $0["broadcast"]?.value == "10.1.0.255" })
    }

    @Test func `skips addresses of other interfaces`() throws {
        let pair = try ContainerPair()
        try pair.interface.apply(try NetworkResult.made(["10.1.0.2/24"]), position: 1)
        let info = try Command.json("ip", "-4", "-j", "addr", "show", "dev", "eth0", in: pair.container).elements()
        #expect(try info.allSatisfy { try $0["addr_info"]?.elements().isEmpty ?? true })
    }

    @Test func `gets IPv6 where it was switched off`() throws {
        let pair = try ContainerPair()
        try pair.container.run {
            Result { try Sysctl.ipv6("eth0", "disable_ipv6").write("1") }
        }.get()
        try pair.interface.apply(try NetworkResult.made(["fd01::2/64"]), position: 2)
        #expect(try pair.container.run { Result { try Sysctl.ipv6("eth0", "disable_ipv6").read() } }.get() == "0")
    }

    @Test func `listens to no router and announces its addresses`() throws {
        let pair = try ContainerPair()
        try pair.interface.prepareSettings()
        let values = try pair.container.run {
            Result {
                try ["accept_ra", "autoconf", "accept_dad", "ndisc_notify"].map { try Sysctl.ipv6("eth0", $0).read() }
                    + [try Sysctl.ipv4("eth0", "arp_notify").read()]
            }
        }.get()
        #expect(values == ["0", "0", "0", "1", "1"])
    }

    @Test func `gets routes with every attribute of the specification`() throws {
        let pair = try ContainerPair()
        var special = RouteConfiguration(destination: try #require(IPPrefix("10.50.0.0/16")))
        special.mtu = 1300
        special.advertisedMSS = 1200
        special.priority = 77
        special.table = 1234
        var link = RouteConfiguration(
            destination: try #require(IPPrefix("10.60.0.0/16")),
            gateway: IPAddress("10.1.0.9")
        )
        link.scope = 0
        try pair.interface.apply(try NetworkResult.made(["10.1.0.2/24"], routes: [special, link]), position: 2)
        let routes = try pair.routes("-4")
        let found = try #require(routes.first { $0["dst"]?.value == "10.50.0.0/16" })
        #expect(found["gateway"]?.value == "10.1.0.1")
        #expect(found["table"]?.value == "1234")
        #expect(found["metric"]?.value == 77)
        let metrics = try #require(try found["metrics"]?.elements().first)
        #expect(metrics["mtu"]?.value == 1300)
        #expect(metrics["advmss"]?.value == 1200)
        #expect(routes.contains { $0["dst"]?.value == "10.60.0.0/16" && $0["gateway"]?.value == "10.1.0.9" })
    }

    @Test(arguments: ["10.1.0.2/24", "fd01::2/64"])
    func `reaches a gateway outside its subnet`(address: String) throws {
        let pair = try ContainerPair()
        let prefix = try #require(IPPrefix(address))
        let gateway = try #require(IPAddress(prefix.family == .v4 ? "192.0.2.1" : "fd99::1"))
        let route = RouteConfiguration(destination: .everything(prefix.family), gateway: gateway)
        try pair.interface.apply(try NetworkResult.made([address], routes: [route]), position: 2)
        let routes = try pair.routes(prefix.family == .v4 ? "-4" : "-6")
        #expect(
            routes.contains { $0["dst"]?.value == "default" && $0["gateway"]?.value == .string(gateway.description) }
        )
    }

    @Test func `takes a route that is there already as done`() throws {
        let pair = try ContainerPair()
        let route = RouteConfiguration(destination: .everything(.v4))
        try pair.interface.apply(try NetworkResult.made(["10.1.0.2/24"], routes: [route, route]), position: 2)
        #expect(try pair.routes("-4").filter { $0["dst"]?.value == "default" }.count == 1)
    }
}
