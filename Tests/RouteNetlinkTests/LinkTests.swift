// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct Links: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try RouteSocket.open(in: namespace)
        self.namespace = namespace
        self.socket = socket
    }

    /// What `ip` says about one link.
    func witness(_ name: String) throws -> JSONNode {
        try #require(try Command.json("ip", "-j", "-d", "link", "show", name, in: namespace).elements().first)
    }

    @Test func `a link is found by its name and by its number`() throws {
        let byName = try #require(try socket.link(named: "lo"))
        #expect(byName.index == LinkIndex(rawValue: 1))
        #expect(byName.isLoopback)
        #expect(!byName.isUp)
        #expect(byName.mtu == 65536)
        #expect(try socket.link(LinkIndex(rawValue: 1)) == byName)
        #expect(try socket.links().contains(byName))
    }

    @Test func `a link that does not exist is nil, not an error`() throws {
        #expect(try socket.link(named: "none0") == nil)
        #expect(try socket.link(named: "a-name-that-only-an-alternative-one-can-have") == nil)
        #expect(try socket.link(LinkIndex(rawValue: 4711)) == nil)
    }

    @Test func `a bridge is made up, with its address, MTU and multicast snooping in one request`() throws {
        let mac = try mac("02:00:00:00:00:01")
        let index = try socket.addBridge(
            BridgeOptions(name: "cni0", mac: mac, mtu: 1400, multicastSnooping: false)
        )
        let seen = try witness("cni0")
        #expect(try seen["ifindex"]?.integer() == Int64(index.rawValue))
        #expect(try seen["address"]?.string() == "02:00:00:00:00:01")
        #expect(try seen["mtu"]?.integer() == 1400)
        #expect(try seen["flags"]?.strings().contains("UP") == true)
        #expect(try seen["linkinfo"]?["info_kind"]?.string() == "bridge")
        #expect(try seen["linkinfo"]?["info_data"]?["mcast_snooping"]?.integer() == 0)
        let link = try #require(try socket.link(named: "cni0"))
        #expect(link.index == index)
        #expect(link.kind == "bridge")
        #expect(link.mac == mac)
        #expect(link.mtu == 1400)
        #expect(link.isUp)
        #expect(link.multicastSnooping == false)
    }

    @Test func `a second bridge of the same name is refused with EEXIST and a sentence`() throws {
        try socket.addBridge(BridgeOptions(name: "cni0"))
        let error = try #require(throws: NetlinkError.self) { try socket.addBridge(BridgeOptions(name: "cni0")) }
        #expect(error.number == .exists)
        #expect(error.code == .refused)
        #expect(error.description.hasPrefix("add link cni0: EEXIST (File exists)"))
    }

    @Test(arguments: ["", "with space", "sixteen-bytes-16", "a/b", "..", "a:b"])
    func `a name that cannot be is refused before anything is sent`(name: String) throws {
        let error = try #require(throws: NetlinkError.self) { try socket.addBridge(BridgeOptions(name: name)) }
        #expect(error.code == .invalidRequest)
        #expect(error.description.contains("\"\(name)\""))
    }

    @Test func `one request makes both ends of a veth pair in two namespaces`() throws {
        let container = try NetworkNamespace.temporary()
        let bridge = try socket.addBridge(BridgeOptions(name: "cni0"))
        let hostMAC = try mac("02:00:00:00:00:0a")
        let peerMAC = try mac("02:00:00:00:00:0b")
        let indices = try socket.addVeth(
            VethPair(
                name: "veth0",
                mac: hostMAC,
                mtu: 1400,
                masterIndex: bridge,
                isUp: true,
                peerName: "eth0",
                peerMAC: peerMAC,
                peerMTU: 1300,
                peerNamespace: container.rawDescriptor
            )
        )
        let host = try witness("veth0")
        #expect(try host["ifindex"]?.integer() == Int64(indices.host.rawValue))
        #expect(try host["address"]?.string() == "02:00:00:00:00:0a")
        #expect(try host["mtu"]?.integer() == 1400)
        #expect(try host["master"]?.string() == "cni0")
        #expect(try host["flags"]?.strings().contains("UP") == true)
        let peer = try #require(
            try Command.json("ip", "-j", "-d", "link", "show", "eth0", in: container).elements().first
        )
        #expect(try peer["ifindex"]?.integer() == indices.peer.map { Int64($0.rawValue) })
        #expect(try peer["address"]?.string() == "02:00:00:00:00:0b")
        #expect(try peer["mtu"]?.integer() == 1300)
        #expect(try peer["flags"]?.strings().contains("UP") == false)
        let link = try #require(try socket.link(indices.host))
        #expect(link.kind == "veth")
        #expect(link.masterIndex == bridge)
        #expect(link.peerIndex == indices.peer)
        #expect(link.peerNamespaceID != nil)
        #expect(link.operationalState != .up)
        #expect(try socket.links(withMaster: bridge).map(\.name) == ["veth0"])
    }

    @Test func `a peer name that is taken in the other namespace leaves nothing behind`() throws {
        let container = try NetworkNamespace.temporary()
        let inside = try RouteSocket.open(in: container)
        try inside.addBridge(BridgeOptions(name: "eth0"))
        let error = try #require(throws: NetlinkError.self) {
            try socket.addVeth(VethPair(name: "veth0", peerName: "eth0", peerNamespace: container.rawDescriptor))
        }
        #expect(error.number == .exists)
        #expect(try socket.link(named: "veth0") == nil)
    }

    @Test func `a link is switched on and off, renamed, given text, MTU, address, master and promiscuous mode`() throws
    {
        let bridge = try socket.addBridge(BridgeOptions(name: "cni0"))
        let pair = try socket.addVeth(VethPair(name: "a0", peerName: "b0"))
        let peer = try #require(pair.peer)
        try socket.bringUp(pair.host)
        try socket.setMTU(1280, of: pair.host)
        try socket.setMAC(try mac("02:00:00:00:00:99"), of: pair.host)
        try socket.setMaster(bridge, of: pair.host)
        try socket.setPromiscuous(true, pair.host)
        try socket.setAlias("pod a", of: pair.host)
        try socket.rename(peer, to: "c0")
        let seen = try witness("a0")
        #expect(try seen["mtu"]?.integer() == 1280)
        #expect(try seen["address"]?.string() == "02:00:00:00:00:99")
        #expect(try seen["master"]?.string() == "cni0")
        #expect(try seen["ifalias"]?.string() == "pod a")
        #expect(try seen["flags"]?.strings().contains("UP") == true)
        #expect(try seen["flags"]?.strings().contains("PROMISC") == true)
        #expect(try witness("c0")["ifindex"]?.integer() == Int64(peer.rawValue))
        let link = try #require(try socket.link(pair.host))
        #expect(link.isPromiscuous)
        #expect(link.alias == "pod a")

        try socket.setMaster(nil, of: pair.host)
        try socket.setPromiscuous(false, pair.host)
        try socket.bringDown(pair.host)
        let after = try witness("a0")
        #expect(after["master"] == nil)
        #expect(try after["flags"]?.strings().contains("UP") == false)
        #expect(try after["flags"]?.strings().contains("PROMISC") == false)
    }

    @Test func `a link moves to another namespace and is removed there`() throws {
        let other = try NetworkNamespace.temporary()
        let inside = try RouteSocket.open(in: other)
        let pair = try socket.addVeth(VethPair(name: "a0", peerName: "b0"))
        try socket.move(try #require(pair.peer), to: other)
        #expect(try socket.link(named: "b0") == nil)
        let moved = try #require(try inside.link(named: "b0"))
        try inside.removeLink(moved.index)
        #expect(try socket.link(named: "a0") == nil)
        #expect(throws: (any Error).self) { try witness("a0") }
    }

    @Test func `hairpin mode and isolation of a bridge port are set in one request`() throws {
        let bridge = try socket.addBridge(BridgeOptions(name: "cni0"))
        let pair = try socket.addVeth(VethPair(name: "a0", masterIndex: bridge, peerName: "b0"))
        #expect(try socket.link(pair.host)?.hairpinMode == false)
        try socket.setBridgePort(pair.host, hairpinMode: true, isolated: true)
        let data = try witness("a0")["linkinfo"]?["info_slave_data"]
        #expect(try data?["hairpin"]?.boolean() == true)
        #expect(try data?["isolated"]?.boolean() == true)
        #expect(try socket.link(pair.host)?.hairpinMode == true)
        #expect(try socket.link(pair.host)?.isIsolated == true)
        try socket.setBridgePort(pair.host, hairpinMode: false)
        #expect(try socket.link(pair.host)?.hairpinMode == false)
        #expect(try socket.link(pair.host)?.isIsolated == true)
    }

    @Test func `a link that is gone is named by its number in the error`() throws {
        let error = try #require(throws: NetlinkError.self) { try socket.bringUp(LinkIndex(rawValue: 77)) }
        #expect(error.number == .noSuchDevice)
        #expect(error.description.hasPrefix("bring up interface 77: ENODEV (No such device)"))
    }
}
