// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct VXLANDevices: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket
    let uplink: LinkIndex

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try RouteSocket.open(in: namespace)
        self.uplink = try socket.addVeth(VethPair(name: "eth0", isUp: true, peerName: "eth1")).host
        self.namespace = namespace
        self.socket = socket
    }

    /// What `ip` says about one link.
    func witness(_ name: String) throws -> JSONNode {
        try #require(try Command.json("ip", "-j", "-d", "link", "show", name, in: namespace).elements().first)
    }

    @Test(arguments: ["192.0.2.1", "2001:db8::1"])
    func `a device is made with all settings in one request, and read back`(local: String) throws {
        let options = VXLANOptions(
            name: "flannel.4711",
            mac: try mac("02:00:00:00:00:01"),
            mtu: 1400,
            settings: VXLANSettings(
                vni: 4711,
                underlay: uplink,
                local: try ip(local),
                port: 8473,
                learning: true,
                groupBasedPolicy: true
            )
        )
        let index = try socket.addVXLAN(options)
        let seen = try witness("flannel.4711")
        #expect(try seen["ifindex"]?.integer() == Int64(index.rawValue))
        #expect(try seen["address"]?.string() == "02:00:00:00:00:01")
        #expect(try seen["mtu"]?.integer() == 1400)
        #expect(try seen["flags"]?.strings().contains("UP") == false)
        #expect(try seen["linkinfo"]?["info_kind"]?.string() == "vxlan")
        let data = try #require(seen["linkinfo"]?["info_data"])
        #expect(try data["id"]?.integer() == 4711)
        #expect(try data["link"]?.string() == "eth0")
        #expect(try data[local.contains(":") ? "local6" : "local"]?.string() == local)
        #expect(try data["port"]?.integer() == 8473)
        #expect(data["learning"]?.value == .boolean(true))
        #expect(data["gbp"] != nil)
        let link = try #require(try socket.link(index))
        #expect(link.vxlan == options.settings)
        #expect(link.mac == options.mac && link.mtu == 1400 && !link.isUp)
    }

    @Test func `a device does not learn unless asked, and that can be changed while it is there`() throws {
        let settings = VXLANSettings(vni: 1, underlay: uplink, local: try ip("192.0.2.1"))
        let index = try socket.addVXLAN(VXLANOptions(name: "flannel.1", settings: settings, isUp: true))
        func learning() throws -> JSONValue? { try witness("flannel.1")["linkinfo"]?["info_data"]?["learning"]?.value }
        #expect(try learning() == .boolean(false))
        #expect(try witness("flannel.1")["linkinfo"]?["info_data"]?["port"]?.integer() == 8472)
        #expect(try socket.link(index)?.isUp == true)
        #expect(try socket.link(index)?.vxlan == settings)
        // What the underlay leaves.
        #expect(try socket.link(index)?.mtu == 1450)
        try socket.setLearning(true, of: index)
        #expect(try learning() == .boolean(true))
        var changed = settings
        changed.learning = true
        #expect(try socket.link(index)?.vxlan == changed)
    }

    @Test func `a second device of the same VNI and port is refused, and other links have no VXLAN settings`() throws {
        let settings = VXLANSettings(vni: 1, underlay: uplink, local: try ip("192.0.2.1"))
        try socket.addVXLAN(VXLANOptions(name: "flannel.1", settings: settings))
        let error = try #require(throws: NetlinkError.self) {
            try socket.addVXLAN(VXLANOptions(name: "other.1", settings: settings))
        }
        #expect(error.number == .exists)
        #expect(error.description.hasPrefix("add link other.1: EEXIST"))
        #expect(try socket.link(uplink)?.vxlan == nil)
    }

    @Test func `a device made by ip is read, whatever it is set to`() throws {
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
            "4789",
            "group",
            "239.1.1.1",
            "dev",
            "eth0",
            in: namespace
        )
        let grouped = try #require(try socket.link(named: "vx0")?.vxlan)
        #expect(
            grouped
                == VXLANSettings(
                    vni: 7,
                    underlay: uplink,
                    port: 4789,
                    learning: true,
                    group: try ip("239.1.1.1")
                )
        )
        try Command.run("ip", "link", "add", "vx1", "type", "vxlan", "external", "dstport", "4790", in: namespace)
        #expect(try socket.link(named: "vx1")?.vxlan?.collectsMetadata == true)
    }

    @Test func `thousands of requests with few acknowledgements are done, and errors find their requests`() throws {
        let device = try socket.addVXLAN(
            VXLANOptions(name: "flannel.1", settings: VXLANSettings(vni: 1, local: try ip("192.0.2.1")), isUp: true)
        )
        var requests: [RouteRequest] = []
        for number in 0..<1500 {
            let mac = try #require(MACAddress(octets: [2, 0, 0, 0, UInt8(number >> 8), UInt8(number & 0xff)]))
            let entry = ForwardingEntry(
                mac: mac,
                interface: device,
                destination: .v4(IPv4Address(rawValue: 0xc633_6400 + UInt32(number)))
            )
            requests.append(try .addForwardingEntry(entry))
            // Each addition is followed by one that is refused; the very last request is one of these.
            requests.append(try .addForwardingEntry(entry))
        }
        let outcomes = try socket.performSeries(requests)
        #expect(outcomes.count == 3000)
        #expect(outcomes.indices.allSatisfy { outcomes[$0]?.number == ($0 % 2 == 0 ? nil : .exists) })
        #expect(outcomes[1]?.description.contains("on flannel.1: EEXIST") == true)
        #expect(
            try Command.json("bridge", "-j", "fdb", "show", "dev", "flannel.1", in: namespace).elements().count == 1500
        )
        #expect(try socket.performSeries([]).isEmpty)
        #expect(try socket.performSeries([.bringUp(device)]) == [nil])
        #expect(try socket.performSeries([.removeLink(LinkIndex(rawValue: 99))]).map { $0?.number } == [.noSuchDevice])
    }

    @Test(arguments: ["10.244.5.0/24", "fd00:244:0:5::/64"])
    func `a route goes to a gateway that no subnet holds, with a protocol number of its own`(text: String) throws {
        let device = try socket.addVXLAN(
            VXLANOptions(name: "flannel.1", settings: VXLANSettings(vni: 1, local: try ip("192.0.2.1")), isUp: true)
        )
        // Without any address the kernel has no table to look a gateway up in.
        try socket.addAddress(LinkAddress(prefix: try prefix("10.244.1.0/32")), to: device)
        let destination = try prefix(text)
        let route = Route(
            destination: destination,
            gateway: destination.first,
            interface: device,
            protocolNumber: 70,
            isOnLink: true
        )
        try socket.addRoute(route)
        let seen = try #require(
            try Command.json(
                "ip",
                destination.family == .v4 ? "-4" : "-6",
                "-j",
                "route",
                "show",
                "proto",
                "70",
                in: namespace
            ).elements().first
        )
        #expect(try seen["dst"]?.string() == text)
        #expect(try seen["gateway"]?.string() == "\(destination.first)")
        #expect(try seen["dev"]?.string() == "flannel.1")
        #expect(try seen["flags"]?.strings() == ["onlink"])
        let read = try #require(
            try socket.routes(family: destination.family, table: 254, interface: device)
                .first { $0.destination == destination }
        )
        #expect(read.isOnLink && read.protocolNumber == 70 && read.gateway == destination.first)
        try socket.removeRoute(read)
        #expect(try !socket.routes(interface: device).contains { $0.destination == destination && $0.gateway != nil })
    }
}
