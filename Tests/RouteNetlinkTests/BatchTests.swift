// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct Batches: ~Copyable {
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

    @Test func `an error in the middle is reported for its own request, the others are done`() throws {
        func address(_ text: String) throws -> LinkAddress { LinkAddress(prefix: try prefix(text)) }
        let outcomes = try socket.perform([
            .addAddress(try address("10.1.0.1/24"), to: bridge),
            .addAddress(try address("10.1.0.1/24"), to: bridge),
            .removeLink(LinkIndex(rawValue: 99)),
            .addAddress(try address("10.2.0.1/24"), to: bridge),
        ])
        #expect(outcomes.map { $0?.number } == [nil, .exists, .noSuchDevice, nil])
        #expect(outcomes[1]?.description.hasPrefix("add address 10.1.0.1/24 to cni0: EEXIST") == true)
        #expect(outcomes[2]?.description.hasPrefix("remove link interface 99: ENODEV") == true)
        let seen = try Command.json("ip", "-j", "-4", "address", "show", "cni0", in: namespace).elements()
        #expect(
            try seen.first?["addr_info"]?.elements().map { try $0["local"]?.string() } == ["10.1.0.1", "10.2.0.1"]
        )
    }

    @Test func `a thousand requests are all answered, more than the buffers hold at a time`() throws {
        var requests: [RouteRequest] = []
        for number in 0..<1000 {
            let mac = try #require(MACAddress(octets: [2, 0, 0, 0, UInt8(number >> 8), UInt8(number & 0xff)]))
            let address = IPAddress.v4(IPv4Address(rawValue: 0x0a01_0000 + UInt32(number)))
            requests.append(try .addNeighbor(NeighborEntry(address: address, mac: mac, interface: bridge)))
            // Each addition is followed by one that is refused, whose answer is longer.
            requests.append(try .addNeighbor(NeighborEntry(address: address, mac: mac, interface: bridge)))
        }
        let outcomes = try socket.perform(requests)
        #expect(outcomes.count == 2000)
        #expect(outcomes.indices.allSatisfy { outcomes[$0]?.number == ($0 % 2 == 0 ? nil : .exists) })
        #expect(try socket.neighbors(of: bridge).count { $0.state == .permanent } == 1000)
        #expect(try Command.json("ip", "-j", "neigh", "show", "dev", "cni0", in: namespace).elements().count == 1000)
    }

    @Test func `an empty batch does nothing`() throws {
        #expect(try socket.perform([RouteRequest]()).isEmpty)
    }

    @Test func `the socket works on after refusals and interrupted reading`() throws {
        for _ in 0..<50 { _ = try? socket.addBridge(BridgeOptions(name: "cni0")) }
        #expect(try socket.link(named: "cni0")?.index == bridge)
    }
}
