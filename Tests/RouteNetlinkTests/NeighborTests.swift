// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct Neighbors: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket
    let bridge: LinkIndex
    let port: LinkIndex

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try RouteSocket.open(in: namespace)
        let bridge = try socket.addBridge(BridgeOptions(name: "cni0"))
        self.port = try socket.addVeth(
            VethPair(name: "a0", masterIndex: bridge, isUp: true, peerName: "b0")
        ).host
        self.bridge = bridge
        self.namespace = namespace
        self.socket = socket
    }

    @Test(arguments: ["10.1.0.9", "fd00::9"])
    func `a neighbor is added, replaced and removed`(text: String) throws {
        let address = try ip(text)
        let first = try mac("02:00:00:00:00:01")
        let second = try mac("02:00:00:00:00:02")
        func witness() throws -> [JSONNode] {
            try Command.json("ip", "-j", "-d", "neigh", "show", "dev", "cni0", in: namespace).elements()
        }
        let entry = NeighborEntry(address: address, mac: first, interface: bridge, protocolNumber: 86)
        try socket.addNeighbor(entry)
        #expect(try witness().map { try $0["lladdr"]?.string() } == ["02:00:00:00:00:01"])
        #expect(try witness().first?["state"]?.strings() == ["PERMANENT"])
        #expect(try witness().first?["protocol"]?.string() == "86")
        // The kernel keeps entries for multicast groups, which `ip` does not show.
        func read() throws -> [NeighborEntry] {
            try socket.neighbors(of: bridge, family: address.family).filter { !$0.state.contains(.noARP) }
        }
        #expect(try read() == [entry])
        let error = try #require(throws: NetlinkError.self) {
            try socket.addNeighbor(NeighborEntry(address: address, mac: second, interface: bridge))
        }
        #expect(error.number == .exists)
        #expect(error.description.hasPrefix("add neighbor \(text) (02:00:00:00:00:02) on cni0: EEXIST"))
        try socket.replaceNeighbor(NeighborEntry(address: address, mac: second, interface: bridge))
        #expect(try witness().map { try $0["lladdr"]?.string() } == ["02:00:00:00:00:02"])
        try socket.removeNeighbor(entry)
        #expect(try read().isEmpty)
    }

    @Test func `a forwarding entry of a bridge port is added and removed`() throws {
        let station = try mac("02:00:00:00:00:77")
        func witness() throws -> [JSONNode] {
            try Command.json("bridge", "-j", "-d", "fdb", "show", "dev", "a0", in: namespace).elements()
                .filter { $0["mac"]?.value == .string(station.description) }
        }
        let entry = ForwardingEntry(mac: station, interface: port, state: .noARP, table: .bridge)
        try socket.addForwardingEntry(entry)
        let seen = try #require(try witness().first)
        #expect(try seen["state"]?.string() == "static")
        #expect(try seen["master"]?.string() == "cni0")
        #expect(try socket.forwardingEntries(of: port).contains(entry))
        #expect(try !socket.forwardingEntries(of: bridge).contains(entry))
        try socket.removeForwardingEntry(entry)
        #expect(try witness().isEmpty)
    }

    @Test func `a forwarding entry of a VXLAN device leads to a station, and is replaced or appended to`() throws {
        try Command.run(
            "ip",
            "link",
            "add",
            "vx0",
            "type",
            "vxlan",
            "id",
            "7",
            "dstport",
            "8472",
            "local",
            "10.0.0.1",
            in: namespace
        )
        let device = try #require(try socket.link(named: "vx0"))
        #expect(device.kind == "vxlan")
        #expect(!device.kindData.isEmpty)
        let station = try mac("02:00:00:00:00:78")
        func witness() throws -> [String] {
            try Command.json("bridge", "-j", "fdb", "show", "dev", "vx0", in: namespace).elements()
                .filter { $0["mac"]?.value == .string(station.description) }.compactMap { try $0["dst"]?.string() }
        }
        func entry(_ text: String) throws -> ForwardingEntry {
            ForwardingEntry(mac: station, interface: device.index, destination: try ip(text))
        }
        try socket.addForwardingEntry(try entry("192.0.2.1"))
        #expect(try witness() == ["192.0.2.1"])
        try socket.replaceForwardingEntry(try entry("192.0.2.2"))
        #expect(try witness() == ["192.0.2.2"])
        #expect(try socket.forwardingEntries(of: device.index) == [try entry("192.0.2.2")])
        try socket.removeForwardingEntry(try entry("192.0.2.2"))
        #expect(try witness().isEmpty)
        let everything = try mac("00:00:00:00:00:00")
        for text in ["192.0.2.1", "192.0.2.2"] {
            try socket.appendForwardingEntry(
                ForwardingEntry(mac: everything, interface: device.index, destination: try ip(text))
            )
        }
        #expect(try socket.forwardingEntries(of: device.index).count == 2)
    }
}
