// swift-cni, SPDX-License-Identifier: Apache-2.0

import CMnl
import IPAddresses
import LinuxSystem
import LinuxTesting
import RouteNetlink
import Testing

/// What the kernel dumps is decoded twice, by libmnl over a socket of its own and by us, and compared.
@Suite struct Dumps: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        for command in [
            "ip link set lo up", "ip link add cni0 address 02:00:00:00:00:01 mtu 1400 up type bridge",
            "ip link add a0 type veth peer name b0", "ip link set a0 master cni0 up", "ip link set b0 up alias text",
            "ip address add 10.1.0.1/24 dev cni0", "ip address add fd00::1/64 dev cni0 nodad",
            "ip address add 10.9.0.1 peer 10.9.0.2/32 dev b0",
            "ip route add 10.66.0.0/16 via 10.1.0.9 metric 7 mtu 1300",
            "ip route add blackhole 10.67.0.0/16 table 4000", "ip route add fd66::/48 via fd00::9 proto 86",
            "ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev cni0",
        ] {
            _ = try namespace.run { Result { try Command.run(command.split(separator: " ").map(String.init)) } }.get()
        }
        self.socket = try RouteSocket.open(in: namespace)
        self.namespace = namespace
    }

    func dump(_ type: Int, family: UInt8, headerSize: Int) throws -> [WitnessedMessage] {
        let header = [family] + [UInt8](repeating: 0, count: headerSize - 1)
        let dumped = try namespace.run { witnessDump(type: type, header: header, fixedSize: headerSize) }
        return try #require(dumped)
    }

    @Test func `links agree in number, name, address, MTU, flags, master, kind, peer and alias`() throws {
        let links = try socket.links()
        let seen = try dump(RTM_GETLINK, family: 0, headerSize: 16)
        #expect(seen.count >= 4)
        #expect(links.count == seen.count)
        for message in seen {
            let link = try #require(links.first { $0.index.rawValue == message.field(4, as: UInt32.self) })
            #expect(link.name == message.attributes.string(IFLA_IFNAME))
            #expect(link.mac?.octets == message.attributes[IFLA_ADDRESS])
            #expect(UInt32(link.mtu) == message.attributes.integer(IFLA_MTU, UInt32.self))
            #expect(link.flags.rawValue == message.field(8, as: UInt32.self))
            #expect(link.masterIndex?.rawValue == message.attributes.integer(IFLA_MASTER, UInt32.self))
            #expect(link.peerIndex?.rawValue == message.attributes.integer(IFLA_LINK, UInt32.self))
            #expect(link.alias == message.attributes.string(IFLA_IFALIAS))
            #expect(link.operationalState.rawValue == message.attributes.integer(IFLA_OPERSTATE, UInt8.self))
            #expect(link.kind == message.attributes.nested(IFLA_LINKINFO)?.string(IFLA_INFO_KIND))
        }
    }

    @Test func `addresses agree in prefix, interface, flags, scope, label and peer`() throws {
        let addresses = try socket.addresses()
        let seen = try dump(RTM_GETADDR, family: 0, headerSize: 8)
        #expect(seen.count >= 6)
        #expect(addresses.count == seen.count)
        for message in seen {
            let octets = message.attributes[IFA_LOCAL] ?? message.attributes[IFA_ADDRESS]
            let address = try #require(
                addresses.first {
                    $0.prefix.address.octets == octets && $0.interface?.rawValue == message.field(4, as: UInt32.self)
                }
            )
            #expect(address.prefix.length == Int(message.fixed[1]))
            #expect(address.scope == message.fixed[3])
            #expect(address.flags.rawValue == message.attributes.integer(IFA_FLAGS, UInt32.self))
            #expect(address.label == message.attributes.string(IFA_LABEL))
            #expect(address.broadcast?.octets == message.attributes[IFA_BROADCAST])
            let far = message.attributes[IFA_ADDRESS]
            #expect(address.peer?.octets == (far == octets ? nil : far))
        }
        #expect(addresses.contains { $0.peer != nil })
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `routes agree in destination, gateway, interface, table, metric, protocol, scope and type`(
        family: AddressFamily
    ) throws {
        let routes = try socket.routes(family: family)
        let seen = try dump(RTM_GETROUTE, family: family == .v4 ? 2 : 10, headerSize: 12)
            .filter { $0.field(8, as: UInt32.self) & UInt32(RTM_F_CLONED) == 0 }
        #expect(routes.count == seen.count)
        #expect(seen.count >= 4)
        // Both dumps walk the tables in the same order.
        for (route, message) in zip(routes, seen) {
            let attributes = message.attributes
            #expect(route.destination.length == Int(message.fixed[1]))
            let destination = attributes[Int(RTA_DST.rawValue)]
            #expect(destination == nil || destination == route.destination.address.octets)
            #expect(route.gateway?.octets == attributes[Int(RTA_GATEWAY.rawValue)])
            #expect(route.interface?.rawValue == attributes.integer(Int(RTA_OIF.rawValue), UInt32.self))
            #expect(route.table == attributes.integer(Int(RTA_TABLE.rawValue), UInt32.self))
            #expect(route.priority == attributes.integer(Int(RTA_PRIORITY.rawValue), UInt32.self))
            #expect(route.source?.octets == attributes[Int(RTA_PREFSRC.rawValue)])
            #expect(route.protocolNumber == message.fixed[5])
            #expect(route.scope == message.fixed[6])
            #expect(route.type.rawValue == message.fixed[7])
            let mtu = attributes.nested(Int(RTA_METRICS.rawValue))?.integer(RTAX_MTU, UInt32.self)
            #expect(route.mtu == mtu)
        }
    }

    @Test func `neighbors and forwarding entries agree`() throws {
        let neighbors = try socket.neighbors()
        let seen = try dump(RTM_GETNEIGH, family: 0, headerSize: 12).filter { $0.attributes[NDA_DST] != nil }
        #expect(Set(neighbors.map { $0.address.octets }) == Set(seen.compactMap { $0.attributes[NDA_DST] }))
        let one = try #require(seen.first { $0.attributes[NDA_DST] == [10, 1, 0, 9] })
        let own = try #require(neighbors.first { $0.address == IPAddress("10.1.0.9") })
        #expect(own.mac?.octets == one.attributes[NDA_LLADDR])
        #expect(own.state.rawValue == one.field(8, as: UInt16.self))
        #expect(own.interface.rawValue == one.field(4, as: UInt32.self))

        let entries = try socket.forwardingEntries()
        // The header of a forwarding dump without strict checking is that of a link dump.
        let dumped = try dump(RTM_GETNEIGH, family: 7, headerSize: 12)
        #expect(!dumped.isEmpty)
        #expect(
            Set(entries.map { "\($0.mac.octets) \($0.interface.rawValue) \($0.state.rawValue)" })
                == Set(
                    dumped.map {
                        "\($0.attributes[NDA_LLADDR] ?? []) \($0.field(4, as: UInt32.self)) \($0.field(8, as: UInt16.self))"
                    }
                )
        )
    }
}
