// swift-cni, SPDX-License-Identifier: Apache-2.0

import CMnl
import IPAddresses
import Netlink
import RouteNetlink
import Testing

@Suite struct RequestBytes {
    let port = LinkIndex(rawValue: 5)

    func witness(_ request: RouteRequest, fixedSize: Int) throws -> WitnessedMessage {
        try #require(WitnessedMessage(request.message.bytes, fixedSize: fixedSize))
    }

    @Test func `a veth pair is one NEWLINK with the peer's own link message inside`() throws {
        let message = try witness(
            .addVeth(
                VethPair(
                    name: "veth0",
                    mac: MACAddress("02:00:00:00:00:0a"),
                    mtu: 1400,
                    masterIndex: port,
                    isUp: true,
                    peerName: "eth0",
                    peerMAC: MACAddress("02:00:00:00:00:0b"),
                    peerMTU: 1300,
                    peerNamespace: 42
                )
            ),
            fixedSize: 16
        )
        #expect(message.type == RTM_NEWLINK)
        #expect(message.flags == UInt16(NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO))
        #expect(message.field(8, as: UInt32.self) == 1)  // ifi_flags: IFF_UP
        #expect(message.field(12, as: UInt32.self) == 1)  // ifi_change
        #expect(message.attributes.string(IFLA_IFNAME) == "veth0")
        #expect(message.attributes[IFLA_ADDRESS] == [2, 0, 0, 0, 0, 0x0a])
        #expect(message.attributes.integer(IFLA_MTU, UInt32.self) == 1400)
        #expect(message.attributes.integer(IFLA_MASTER, UInt32.self) == 5)
        let information = try #require(message.attributes.nested(IFLA_LINKINFO))
        #expect(information.string(IFLA_INFO_KIND) == "veth")
        let data = try #require(information.nested(IFLA_INFO_DATA))
        // VETH_INFO_PEER holds a struct ifinfomsg of 16 bytes, then attributes.
        let peer = try #require(data.nested(Int(VETH_INFO_PEER), after: 16))
        #expect(data[Int(VETH_INFO_PEER)]?.prefix(16).allSatisfy { $0 == 0 } == true)
        #expect(peer.string(IFLA_IFNAME) == "eth0")
        #expect(peer[IFLA_ADDRESS] == [2, 0, 0, 0, 0, 0x0b])
        #expect(peer.integer(IFLA_MTU, UInt32.self) == 1300)
        #expect(peer.integer(IFLA_NET_NS_FD, UInt32.self) == 42)
    }

    @Test func `a bridge carries its settings in nested attributes`() throws {
        let message = try witness(
            .addBridge(
                BridgeOptions(
                    name: "cni0",
                    mtu: 1400,
                    vlanFiltering: true,
                    multicastSnooping: false,
                    defaultPVID: 0,
                    isUp: false
                )
            ),
            fixedSize: 16
        )
        #expect(message.type == RTM_NEWLINK)
        #expect(message.field(8, as: UInt32.self) == 0)
        #expect(message.attributes.string(IFLA_IFNAME) == "cni0")
        #expect(message.attributes[IFLA_ADDRESS] == nil)
        let information = try #require(message.attributes.nested(IFLA_LINKINFO))
        #expect(information.string(IFLA_INFO_KIND) == "bridge")
        let data = try #require(information.nested(IFLA_INFO_DATA))
        #expect(data.integer(IFLA_BR_VLAN_FILTERING, UInt8.self) == 1)
        #expect(data.integer(IFLA_BR_MCAST_SNOOPING, UInt8.self) == 0)
        #expect(data.integer(IFLA_BR_VLAN_DEFAULT_PVID, UInt16.self) == 0)
    }

    @Test(arguments: ["192.0.2.1", "2001:db8::1"])
    func `a VXLAN device carries its settings in nested attributes`(local: String) throws {
        let address = try #require(IPAddress(local))
        let message = try witness(
            .addVXLAN(
                VXLANOptions(
                    name: "flannel.1",
                    mac: MACAddress("02:00:00:00:00:0a"),
                    mtu: 1450,
                    settings: VXLANSettings(vni: 4711, underlay: port, local: address, groupBasedPolicy: true)
                )
            ),
            fixedSize: 16
        )
        #expect(message.type == RTM_NEWLINK)
        #expect(message.flags == UInt16(NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO))
        #expect(message.attributes.string(IFLA_IFNAME) == "flannel.1")
        #expect(message.attributes[IFLA_ADDRESS] == [2, 0, 0, 0, 0, 0x0a])
        #expect(message.attributes.integer(IFLA_MTU, UInt32.self) == 1450)
        let information = try #require(message.attributes.nested(IFLA_LINKINFO))
        #expect(information.string(IFLA_INFO_KIND) == "vxlan")
        let data = try #require(information.nested(IFLA_INFO_DATA))
        #expect(data.integer(IFLA_VXLAN_ID, UInt32.self) == 4711)
        #expect(data.integer(IFLA_VXLAN_LINK, UInt32.self) == 5)
        #expect(data[address.family == .v4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6] == address.octets)
        #expect(data[IFLA_VXLAN_PORT] == [0x21, 0x18])
        #expect(data.integer(IFLA_VXLAN_LEARNING, UInt8.self) == 0)
        #expect(data.types.contains(IFLA_VXLAN_GBP))
    }

    @Test func `VLAN filtering is switched by a NEWLINK that creates nothing`() throws {
        let message = try witness(.setVLANFiltering(true, of: port), fixedSize: 16)
        #expect(message.type == RTM_NEWLINK)
        #expect(message.flags == UInt16(NLM_F_REQUEST))
        #expect(message.field(4, as: UInt32.self) == 5)
        let information = try #require(message.attributes.nested(IFLA_LINKINFO))
        #expect(information.string(IFLA_INFO_KIND) == "bridge")
        #expect(information.nested(IFLA_INFO_DATA)?.integer(IFLA_BR_VLAN_FILTERING, UInt8.self) == 1)
    }

    @Test func `VLANs of a port are one entry each, two for a range`() throws {
        let message = try witness(
            .addVLANs(
                [
                    BridgeVLAN(id: 100, isPVID: true, isUntagged: true), BridgeVLAN(ids: 200...299),
                    BridgeVLAN(ids: 4000...4094, isUntagged: true),
                ],
                to: port
            ),
            fixedSize: 16
        )
        #expect(message.type == RTM_SETLINK)
        #expect(message.fixed[0] == 7)  // AF_BRIDGE
        #expect(message.field(4, as: UInt32.self) == 5)
        let list = try #require(message.attributes.nested(IFLA_AF_SPEC))
        #expect(list.types == [Int](repeating: IFLA_BRIDGE_VLAN_INFO, count: 5))
        // struct bridge_vlan_info: flags, then the id. PVID 2, UNTAGGED 4, RANGE_BEGIN 8, RANGE_END 16.
        #expect(
            list.all.map(\.payload) == [
                [6, 0, 100, 0], [8, 0, 200, 0], [16, 0, 43, 1], [12, 0, 0xa0, 0x0f], [20, 0, 0xfe, 0x0f],
            ]
        )
    }

    @Test func `VLANs of the bridge itself are marked so, and removal is a DELLINK`() throws {
        let message = try witness(.removeVLANs([BridgeVLAN(id: 1)], from: port, bridgeItself: true), fixedSize: 16)
        #expect(message.type == RTM_DELLINK)
        let list = try #require(message.attributes.nested(IFLA_AF_SPEC))
        #expect(list.integer(IFLA_BRIDGE_FLAGS, UInt16.self) == UInt16(BRIDGE_FLAGS_SELF))
        #expect(list[IFLA_BRIDGE_VLAN_INFO] == [0, 0, 1, 0])
    }

    @Test(arguments: [
        BridgeVLAN(id: 0), BridgeVLAN(id: 4095), BridgeVLAN(ids: 4000...4095), BridgeVLAN(ids: 1...2, isPVID: true),
    ])
    func `VLANs that cannot be are refused before anything is sent`(vlan: BridgeVLAN) throws {
        let error = try #require(throws: NetlinkError.self) { try RouteRequest.addVLANs([vlan], to: port) }
        #expect(error.code == .invalidRequest)
        #expect(error.description.contains("\(vlan.id)"))
    }

    @Test func `port settings are in a marked nest, and only those that are given`() throws {
        let message = try witness(.setBridgePort(port, hairpinMode: nil, isolated: true), fixedSize: 16)
        #expect(message.type == RTM_SETLINK)
        #expect(message.fixed[0] == 7)
        // Without the mark the kernel takes the payload for one number, the old form.
        #expect(message.attributes.all.map(\.isMarkedNested) == [true])
        let data = try #require(message.attributes.nested(IFLA_PROTINFO))
        #expect(data.types == [IFLA_BRPORT_ISOLATED])
        #expect(data.integer(IFLA_BRPORT_ISOLATED, UInt8.self) == 1)
    }

    @Test func `an address has its protocol, all its flags, and its broadcast address`() throws {
        let four = try witness(
            .addAddress(
                LinkAddress(prefix: try prefix("10.1.0.1/24"), flags: .noPrefixRoute, protocolNumber: 86, label: "a:b"),
                to: port
            ),
            fixedSize: 8
        )
        #expect(four.type == RTM_NEWADDR)
        #expect(four.flags == UInt16(NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL))
        #expect(four.fixed[0] == 2 && four.fixed[1] == 24 && four.fixed[3] == 0)
        #expect(four.field(4, as: UInt32.self) == 5)
        #expect(four.attributes[IFA_LOCAL] == [10, 1, 0, 1])
        #expect(four.attributes[IFA_BROADCAST] == [10, 1, 0, 255])
        #expect(four.attributes.string(IFA_LABEL) == "a:b")
        #expect(four.attributes.integer(IFA_FLAGS, UInt32.self) == UInt32(IFA_F_NOPREFIXROUTE))
        #expect(four.attributes.integer(IFA_PROTO, UInt8.self) == 86)

        let six = try witness(
            .addAddress(LinkAddress(prefix: try prefix("fd00::1/64"), flags: .noDAD), to: port),
            fixedSize: 8
        )
        #expect(six.fixed[0] == 10 && six.fixed[1] == 64 && six.fixed[2] == UInt8(IFA_F_NODAD))
        #expect(six.attributes[IFA_LOCAL] == [0xfd] + [UInt8](repeating: 0, count: 14) + [1])
        #expect(six.attributes[IFA_BROADCAST] == nil)
        #expect(six.attributes[IFA_PROTO] == nil)
    }

    @Test func `a route has everything that was given and nothing else`() throws {
        var route = Route(destination: try prefix("10.9.0.0/16"), gateway: IPAddress("10.1.0.1"), interface: port)
        route.priority = 77
        route.table = 4000
        route.mtu = 1400
        route.advertisedMSS = 1360
        route.protocolNumber = 86
        route.isOnLink = true
        route.source = IPAddress("10.1.0.2")
        let message = try witness(.addRoute(route), fixedSize: 12)
        #expect(message.type == RTM_NEWROUTE)
        #expect(message.flags == UInt16(NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL))
        #expect(message.fixed[0] == 2 && message.fixed[1] == 16)
        #expect(message.fixed[5] == 86 && message.fixed[6] == 0 && message.fixed[7] == 1)
        #expect(message.field(8, as: UInt32.self) & UInt32(RTNH_F_ONLINK) != 0)
        let attributes = message.attributes
        #expect(attributes[Int(RTA_DST.rawValue)] == [10, 9, 0, 0])
        #expect(attributes[Int(RTA_GATEWAY.rawValue)] == [10, 1, 0, 1])
        #expect(attributes[Int(RTA_PREFSRC.rawValue)] == [10, 1, 0, 2])
        #expect(attributes.integer(Int(RTA_OIF.rawValue), UInt32.self) == 5)
        #expect(attributes.integer(Int(RTA_PRIORITY.rawValue), UInt32.self) == 77)
        #expect(attributes.integer(Int(RTA_TABLE.rawValue), UInt32.self) == 4000)
        let metrics = try #require(attributes.nested(Int(RTA_METRICS.rawValue)))
        #expect(metrics.integer(RTAX_MTU, UInt32.self) == 1400)
        #expect(metrics.integer(RTAX_ADVMSS, UInt32.self) == 1360)
        #expect(metrics.types.count == 2)
    }

    @Test func `flags tell adding, appending, replacing and removing apart`() throws {
        let route = Route(destination: try prefix("10.9.0.0/16"), interface: port)
        #expect(try witness(.addRoute(route, appending: true), fixedSize: 12).flags == 0xc01)
        #expect(try witness(.replaceRoute(route), fixedSize: 12).flags == 0x501)
        let removal = try witness(.removeRoute(route), fixedSize: 12)
        #expect(removal.type == RTM_DELROUTE)
        #expect(removal.flags == 0x1)
        // Any protocol, any scope.
        #expect(removal.fixed[5] == 0 && removal.fixed[6] == 255)
    }

    @Test func `a forwarding entry over a tunnel has address, destination, table and protocol`() throws {
        let entry = ForwardingEntry(
            mac: try #require(MACAddress("02:00:00:00:00:01")),
            interface: port,
            destination: IPAddress("192.0.2.1"),
            protocolNumber: 86
        )
        let message = try witness(.replaceForwardingEntry(entry), fixedSize: 12)
        #expect(message.type == RTM_NEWNEIGH)
        #expect(message.flags == 0x501)
        #expect(message.fixed[0] == 7)
        #expect(message.field(4, as: UInt32.self) == 5)
        #expect(message.field(8, as: UInt16.self) == 0x80)  // NUD_PERMANENT
        #expect(message.fixed[10] == 2)  // NTF_SELF
        #expect(message.attributes[NDA_DST] == [192, 0, 2, 1])
        #expect(message.attributes[NDA_LLADDR] == [2, 0, 0, 0, 0, 1])
        #expect(message.attributes.integer(NDA_PROTOCOL, UInt8.self) == 86)
    }

    func prefix(_ text: String) throws -> IPPrefix {
        let prefix = IPPrefix(text)
        return try #require(prefix)
    }
}
