// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

/// What is also under /proc/sys/net, which is the witness here.
@Suite struct LinkSettings: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try RouteSocket.open(in: namespace)
        _ = try socket.addVeth(VethPair(name: "a0", peerName: "b0"))
        self.namespace = namespace
        self.socket = socket
    }

    private func write(_ setting: Sysctl, _ value: String) throws {
        try namespace.run { Result { () throws(SystemCallError) in try setting.write(value) } }.get()
    }

    private func read(_ setting: Sysctl) throws -> String {
        try namespace.run { Result { () throws(SystemCallError) in try setting.read() } }.get()
    }

    @Test(arguments: AddressFamily.allCases)
    func `forwarding is told for each family by itself`(family: AddressFamily) throws {
        let settings: [AddressFamily: Sysctl] = [.v4: .ipv4Forwarding, .v6: .ipv6Forwarding]
        for value in ["0", "1", "0"] {
            for (other, setting) in settings { try write(setting, other == family ? value : "0") }
            for other in AddressFamily.allCases {
                #expect(try socket.isForwarding(other) == (other == family && value == "1"))
            }
        }
    }

    @Test(arguments: ["0", "1", "2"]) func `a link says whether it listens to routers`(value: String) throws {
        try write(.ipv6("a0", "accept_ra"), value)
        let link = try #require(try socket.link(named: "a0"))
        #expect(link.routerAdvertisements.map { "\($0)" } == value)
    }

    @Test(arguments: [false, true]) func `a link says whether it routes 127.0.0.0/8`(isOn: Bool) throws {
        try write(.ipv4("a0", "route_localnet"), isOn ? "1" : "0")
        #expect(try socket.link(named: "a0")?.routesLoopback == isOn)
        #expect(try socket.link(named: "b0")?.routesLoopback == false)
    }

    @Test func `arp_notify is switched on and off`() throws {
        let index = try #require(try socket.link(named: "a0")).index
        for (isOn, value) in [(true, "1"), (false, "0")] {
            try socket.setARPNotify(isOn, of: index)
            #expect(try read(.ipv4("a0", "arp_notify")) == value)
        }
        #expect(try read(.ipv4("b0", "arp_notify")) == "0")
    }

    @Test func `a link without link-local address gets none when it comes up`() throws {
        for name in ["a0", "b0"] {
            let index = try #require(try socket.link(named: name)).index
            if name == "a0" { try socket.disableLinkLocalAddress(of: index) }
        }
        for name in ["a0", "b0"] { try socket.bringUp(try #require(try socket.link(named: name)).index) }
        // b0 gets one when the kernel's worker has seen its carrier, which may take it a while.
        let deadline = Deadline.after(.seconds(60))
        while try namesWithAddress().isEmpty, deadline.remainingNanoseconds > 0 { usleep(10_000) }
        #expect(try namesWithAddress() == ["b0"])
    }

    private func namesWithAddress() throws -> [String] {
        try Command.json("ip", "-j", "-6", "address", in: namespace).elements().compactMap { link in
            link["addr_info"]?.value.array?.isEmpty == false ? link["ifname"]?.value.string : nil
        }
    }
}
