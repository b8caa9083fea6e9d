// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct Addresses: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket
    let bridge: LinkIndex

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try RouteSocket.open(in: namespace)
        self.bridge = try socket.addBridge(BridgeOptions(name: "cni0"))
        self.namespace = namespace
        self.socket = socket
    }

    /// What `ip` says about one address of the bridge.
    func witness(_ address: String) throws -> JSONNode? {
        let link = try Command.json("ip", "-j", "-d", "address", "show", "cni0", in: namespace).elements().first
        return try link?["addr_info"]?.elements().first { $0["local"]?.value == .string(address) }
    }

    @Test func `an IPv4 address comes with broadcast address, scope, label and protocol`() throws {
        try socket.addAddress(
            LinkAddress(prefix: try prefix("10.1.0.1/24"), protocolNumber: 86, label: "cni0:gw"),
            to: bridge
        )
        let seen = try #require(try witness("10.1.0.1"))
        #expect(try seen["prefixlen"]?.integer() == 24)
        #expect(try seen["broadcast"]?.string() == "10.1.0.255")
        #expect(try seen["scope"]?.string() == "global")
        #expect(try seen["label"]?.string() == "cni0:gw")
        let read = try #require(try socket.addresses(of: bridge, family: .v4).first)
        #expect(read.prefix == (try prefix("10.1.0.1/24")))
        #expect(read.interface == bridge)
        #expect(read.broadcast == IPAddress("10.1.0.255"))
        #expect(read.protocolNumber == 86)
        #expect(read.label == "cni0:gw")
        #expect(read.flags == .permanent)
        #expect(read.peer == nil)
        #expect(read.unknownAttributes.isEmpty)
    }

    @Test(arguments: ["10.1.0.1/31", "10.1.0.1/32"])
    func `a subnet without a broadcast address gets none`(text: String) throws {
        try socket.addAddress(LinkAddress(prefix: try prefix(text)), to: bridge)
        #expect(try #require(try witness("10.1.0.1"))["broadcast"] == nil)
        #expect(try socket.addresses(of: bridge, family: .v4).map(\.prefix) == [try prefix(text)])
    }

    @Test func `an IPv6 address without duplicate address detection and prefix route is usable at once`() throws {
        try socket.addAddress(
            LinkAddress(prefix: try prefix("fd00::1/64"), flags: [.noDAD, .noPrefixRoute], protocolNumber: 86),
            to: bridge
        )
        let seen = try #require(try witness("fd00::1"))
        #expect(try seen["nodad"]?.boolean() == true)
        #expect(try seen["noprefixroute"]?.boolean() == true)
        #expect(seen["tentative"] == nil)
        let routes = try Command.json("ip", "-j", "-6", "route", "show", "dev", "cni0", in: namespace).elements()
        #expect(!routes.contains { $0["dst"]?.value == .string("fd00::/64") })
        let read = try #require(
            try socket.addresses(of: bridge, family: .v6).first { $0.prefix.address == IPAddress("fd00::1") }
        )
        #expect(read.flags == [.noDAD, .noPrefixRoute, .permanent])
        #expect(read.protocolNumber == 86)
    }

    @Test func `an address is removed by its prefix alone`() throws {
        let address = LinkAddress(prefix: try prefix("10.1.0.1/24"), protocolNumber: 86, label: "cni0:x")
        try socket.addAddress(address, to: bridge)
        try socket.removeAddress(LinkAddress(prefix: try prefix("10.1.0.1/24")), from: bridge)
        #expect(try witness("10.1.0.1") == nil)
        let error = try #require(throws: NetlinkError.self) { try socket.removeAddress(address, from: bridge) }
        #expect(error.number == .addressNotAvailable)
        #expect(error.description.hasPrefix("remove address 10.1.0.1/24 from cni0: EADDRNOTAVAIL"))
    }

    @Test func `a second addition is refused with the kernel's own sentence and the interface's name`() throws {
        let address = LinkAddress(prefix: try prefix("10.1.0.1/24"))
        try socket.addAddress(address, to: bridge)
        let error = try #require(throws: NetlinkError.self) { try socket.addAddress(address, to: bridge) }
        #expect(error.number == .exists)
        #expect(error.kernelMessage == "ipv4: Address already assigned")
        #expect(
            error.description
                == "add address 10.1.0.1/24 to cni0: EEXIST (File exists): ipv4: Address already assigned"
        )
    }

    @Test func `IPv6 switched off on the interface is explained`() throws {
        try namespace.run { Result { try Sysctl.ipv6("cni0", "disable_ipv6").write("1") } }.get()
        let error = try #require(throws: NetlinkError.self) {
            try socket.addAddress(LinkAddress(prefix: try prefix("fd00::1/64")), to: bridge)
        }
        #expect(error.number == .accessDenied)
        #expect(error.description.contains("IPv6 is disabled on"))
    }

    @Test func `a point-to-point address has its peer`() throws {
        let peer = try ip("10.9.0.2")
        try socket.addAddress(LinkAddress(prefix: try prefix("10.9.0.1/32"), peer: peer), to: bridge)
        #expect(try witness("10.9.0.1")?["address"]?.string() == "10.9.0.2")
        #expect(try socket.addresses(of: bridge, family: .v4).first?.peer == peer)
        try socket.removeAddress(LinkAddress(prefix: try prefix("10.9.0.1/32"), peer: peer), from: bridge)
        #expect(try socket.addresses(of: bridge, family: .v4).isEmpty)
    }

    @Test func `a dump holds one interface and one family, or all`() throws {
        let loopback = LinkIndex(rawValue: 1)
        try socket.bringUp(loopback)
        try socket.addAddress(LinkAddress(prefix: try prefix("10.1.0.1/24")), to: bridge)
        let all = try socket.addresses()
        #expect(Set(all.compactMap(\.interface)) == [loopback, bridge])
        #expect(Set(all.map(\.prefix.family)) == [.v4, .v6])
        #expect(try socket.addresses(of: loopback).map(\.prefix.description).sorted() == ["127.0.0.1/8", "::1/128"])
        #expect(try socket.addresses(of: loopback, family: .v6).map(\.scope) == [254])
    }
}
