// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite struct Reconciling {
    static let backends: [NetworkConfiguration.Backend] = [.vxlan(.init()), Fleet.directRouting, .hostGateway]

    @Test(arguments: backends)
    func `containers on three nodes reach each other after one run on each, and a second run writes nothing`(
        backend: NetworkConfiguration.Backend
    ) throws {
        let cluster = try Cluster([backend.type, backend.type, backend.type])
        try cluster.reconcile(backend)
        for node in cluster.nodes {
            for other in cluster.nodes where other !== node {
                for family in AddressFamily.allCases { #expect(try node.reaches(other, family)) }
            }
            let monitor = try RouteMonitor.open([.links, .addresses, .routes, .neighbors], in: node.namespace)
            let before = try node.state()
            let report = try node.reconcile(cluster.nodes, backend)
            #expect(report.isUnchanged)
            #expect(report.requestCount == 0)
            #expect(try node.state() == before)
            // The kernel would tell of each write; what ping left behind it tells, too, but not of what is ours.
            let events = try monitor.next(until: .after(.milliseconds(50)))
            #expect(
                !events.contains {
                    switch $0 {
                    case .neighbor(let entry), .neighborRemoved(let entry): entry.state.contains(.permanent)
                    default: true
                    }
                }
            )
        }
    }

    @Test func `a fleet that changes from host-gw to VXLAN stays connected`() throws {
        let cluster = try Cluster([.vxlan, .hostGateway])
        let first = cluster.nodes[0]
        let second = cluster.nodes[1]
        #expect(try first.reconcile(cluster.nodes, .vxlan(.init())).isComplete)
        #expect(try second.reconcile(cluster.nodes, .hostGateway).isComplete)
        for family in AddressFamily.allCases {
            #expect(try first.reaches(second, family))
            #expect(try second.reaches(first, family))
        }
        second.lease = try Fleet.lease(2)
        try cluster.reconcile(.vxlan(.init()))
        for family in AddressFamily.allCases { #expect(try first.reaches(second, family)) }
        #expect(try first.command("ip", "route", "show", "10.244.2.0/24").contains("dev flannel.1"))
    }

    @Test func `a peer's new Ethernet address leaves no old forwarding entry behind`() throws {
        let cluster = try Cluster([.vxlan, .vxlan])
        let backend = NetworkConfiguration.Backend.vxlan(.init())
        try cluster.reconcile(backend)
        let old = try cluster.nodes[0].command("bridge", "fdb", "show", "dev", "flannel.1")
        cluster.nodes[1].lease = try Fleet.lease(2, mac: try Fleet.mac("02:00:00:00:00:77"))
        try cluster.reconcile(backend)
        let new = try cluster.nodes[0].command("bridge", "fdb", "show", "dev", "flannel.1")
        #expect(old != new)
        #expect(new.split(separator: "\n").count == 1 && new.contains("02:00:00:00:00:77 dst 192.0.2.2"))
        #expect(try cluster.nodes[1].command("ip", "link", "show", "flannel.1").contains("02:00:00:00:00:77"))
        for family in AddressFamily.allCases { #expect(try cluster.nodes[0].reaches(cluster.nodes[1], family)) }
    }

    @Test(arguments: backends)
    func `a peer that is gone leaves nothing, and the others are not touched`(
        backend: NetworkConfiguration.Backend
    ) throws {
        let cluster = try Cluster([backend.type, backend.type, backend.type])
        let node = cluster.nodes[0]
        try node.reconcile([cluster.nodes[1]], backend)
        let before = try node.state()
        try node.reconcile(cluster.nodes, backend)
        #expect(try node.state() != before)
        let report = try node.reconcile([cluster.nodes[1]], backend)
        #expect(report.isComplete)
        #expect(report.repairs.keys.allSatisfy { $0.rawValue.hasSuffix("_removed") })
        #expect(try node.state() == before)
    }

    @Test func `foreign routes stay, on the device and in the place of ours`() throws {
        let cluster = try Cluster([.vxlan, .vxlan, .vxlan])
        let node = cluster.nodes[0]
        let backend = NetworkConfiguration.Backend.vxlan(.init())
        try node.reconcile([], backend)
        try node.command("ip", "route", "add", "172.16.0.0/16", "dev", "flannel.1", "proto", "static")
        try node.command("ip", "route", "add", "10.244.3.0/24", "via", "192.0.2.77", "proto", "static")
        try node.command("ip", "route", "add", "10.99.0.0/16", "via", "192.0.2.77", "proto", "70")
        let report = try node.reconcile(cluster.nodes, backend)
        #expect(report.failures.isEmpty && !report.isComplete)
        #expect(report.foreignRoutes.map(\.destination) == [try Fleet.prefix("172.16.0.0/16")])
        #expect(report.conflictingRoutes.map(\.destination) == [try Fleet.subnet(3, .v4)])
        let routes = try node.command("ip", "route", "show")
        #expect(routes.contains("172.16.0.0/16 dev flannel.1 proto static"))
        #expect(routes.contains("10.244.3.0/24 via 192.0.2.77 dev eth0 proto static"))
        #expect(routes.contains("10.99.0.0/16 via 192.0.2.77 dev eth0 proto 70"))
        #expect(routes.contains("10.244.2.0/24 via 10.244.2.0 dev flannel.1 proto 70 onlink"))
        #expect(try node.reconcile(cluster.nodes, backend).requestCount == 0)
    }

    @Test func `what flannel left is taken over at the first start: only the routes are written`() throws {
        let cluster = try Cluster([.vxlan, .vxlan])
        let node = cluster.nodes[0]
        let other = cluster.nodes[1]
        let backend = NetworkConfiguration.Backend.vxlan(.init())
        try other.reconcile(cluster.nodes, backend)
        let peerMAC = try #require(try other.desired([], backend).devices.v4?.mac)
        let mac = "0a:58:00:00:00:01"
        for node in cluster.nodes { node.lease = try Fleet.lease(node.number, families: [.v4]) }
        for line in [
            "link add flannel.1 address \(mac) mtu 1450 type vxlan id 1 dev eth0 local 192.0.2.1 dstport 8472 nolearning",
            "address add 10.244.1.0/32 dev flannel.1", "link set flannel.1 up",
            "neighbour add 10.244.2.0 lladdr \(peerMAC) dev flannel.1 nud permanent",
            "route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
            "route add 10.244.9.0/24 via 10.244.9.0 dev flannel.1 onlink",
        ] {
            let words = ["ip"] + line.split(separator: " ").map(String.init)
            _ = try node.namespace.run { Result { try Command.run(words) } }.get()
        }
        try node.command(
            "bridge",
            "fdb",
            "add",
            "\(peerMAC)",
            "dev",
            "flannel.1",
            "dst",
            "192.0.2.2",
            "self",
            "permanent"
        )
        let device = try #require(try RouteSocket.open(in: node.namespace).link(named: "flannel.1"))
        node.lease = try Fleet.lease(1, families: [.v4], mac: device.mac)
        let report = try node.reconcile([other], backend, adopting: true)
        #expect(report.isComplete && report.foreignRoutes.isEmpty)
        #expect(report.repairs.filter { $0.key != .setting } == [.routeSet: 1, .routeRemoved: 1])
        #expect(report.devices.v4 == device.index)
        #expect(
            try node.command("ip", "route", "show", "dev", "flannel.1").split(separator: "\n")
                == ["10.244.2.0/24 via 10.244.2.0 proto 70 onlink "]
        )
        #expect(try node.reconcile([other], backend).isUnchanged)
        try other.reconcile([node], backend)
        #expect(try node.reaches(other, .v4))
    }

    @Test func `a refused change keeps none of the others back`() throws {
        let cluster = try Cluster([.hostGateway, .hostGateway])
        let node = cluster.nodes[0]
        var unreachable = try Fleet.lease(9, .hostGateway, families: [.v4])
        unreachable.attributes.publicAddresses.v4 = try Fleet.address("198.51.100.9")
        var uplink = try Fleet.uplink(1, index: node.uplink)
        uplink.networks.append(try Fleet.prefix("198.51.100.0/24"))
        let desired = DesiredState(
            own: node.lease,
            peers: [unreachable, cluster.nodes[1].lease],
            uplink: uplink,
            configuration: try Fleet.configuration(.hostGateway)
        )
        let report = try node.namespace.run {
            Result {
                var reconciler = try Reconciler.open()
                return try reconciler.run(desired)
            }
        }.get()
        #expect(report.repairs == [.routeSet: 2])
        #expect(report.failures.map(\.number) == [.networkUnreachable])
        #expect(
            report.failures.first?.description.hasPrefix("add route 10.244.9.0/24 via 198.51.100.9 on eth0") == true
        )
        #expect(!report.isComplete)
    }

    @Test func `a device that cannot be made is one failure, and the other family works`() throws {
        let cluster = try Cluster([.vxlan, .vxlan])
        let node = cluster.nodes[0]
        try node.command(
            "ip",
            "link",
            "add",
            "other",
            "type",
            "vxlan",
            "id",
            "1",
            "dstport",
            "8472",
            "local",
            "192.0.2.1",
            "dev",
            "eth0"
        )
        let backend = NetworkConfiguration.Backend.vxlan(.init())
        let report = try node.reconcile(cluster.nodes, backend)
        #expect(report.failures.map(\.number) == [.exists])
        #expect(report.failures.first?.change.kind == .deviceAdded)
        #expect(report.devices.v4 == nil && report.devices.v6 != nil)
        try cluster.nodes[1].reconcile(cluster.nodes, backend)
        #expect(try node.reaches(cluster.nodes[1], .v6))
        try node.command("ip", "link", "delete", "other")
        #expect(try node.reconcile(cluster.nodes, backend).isComplete)
        #expect(try node.reaches(cluster.nodes[1], .v4))
    }
}
