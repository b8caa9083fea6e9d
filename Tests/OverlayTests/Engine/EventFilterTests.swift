// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite struct EventFilters {
    /// A node with two peers, and what the kernel reports in it from then on.
    final class Stage {
        let cluster: Cluster
        let engine: Engine
        let recorder: EventRecorder
        let filter: EventFilter

        init(_ backend: NetworkConfiguration.Backend) throws {
            cluster = try Cluster([backend.type, backend.type])
            engine = try Engine(cluster.nodes[0])
            let desired = try cluster.nodes[0].desired(cluster.nodes, backend)
            let report = try engine.run(desired)
            #expect(report.isComplete)
            filter = EventFilter(desired: desired, devices: report.devices)
            recorder = try EventRecorder(cluster.nodes[0])
            // The kernel announces its own link-local addresses a little later.
            _ = try recorder.events()
        }

        func concerning() throws -> [RouteEvent] { try recorder.events().filter(filter.concerns) }
    }

    @Test(arguments: Sabotage.ofTunnel, AddressFamily.allCases)
    func `the kernel reports something of concern when`(sabotage: Sabotage, family: AddressFamily) throws {
        let stage = try Stage(.vxlan(.init()))
        try Repairs().perform(sabotage, on: stage.cluster.nodes[0], stage.cluster.nodes[1], family)
        #expect(try !stage.concerning().isEmpty)
    }

    static let uplinkFaults: [[String]] = [
        ["ip link set eth0 down"], ["ip link set eth0 mtu 1400"], ["ip link set eth0 address 02:00:00:00:00:01"],
        ["ip address flush dev eth0"], ["ip address del 192.0.2.1/24 dev eth0"], ["ip link del eth0"],
        ["ip link add br0 type bridge", "ip link set eth0 master br0"],
        ["ip link set eth0 down", "ip link set eth0 up"],
    ]

    @Test(arguments: [NetworkConfiguration.Backend.vxlan(.init()), .hostGateway], uplinkFaults)
    func `what happens to the uplink is of concern`(
        backend: NetworkConfiguration.Backend,
        commands: [String]
    ) throws {
        let stage = try Stage(backend)
        for command in commands {
            let words = command.split(separator: " ").map(String.init)
            _ = try stage.engine.node.namespace.run { Result { try Command.run(words) } }.get()
        }
        let events = try stage.recorder.events()
        #expect(events.contains(where: stage.filter.concerns))
        #expect(events.contains(where: stage.filter.concernsUplink))
    }

    @Test(arguments: ["ip route del 10.244.2.0/24", "ip route replace 10.244.2.0/24 via 192.0.2.77 proto 70"])
    func `a lost or changed route through a node is of concern`(command: String) throws {
        let stage = try Stage(.hostGateway)
        let words = command.split(separator: " ").map(String.init)
        _ = try stage.engine.node.namespace.run { Result { try Command.run(words) } }.get()
        #expect(try !stage.concerning().isEmpty)
    }

    @Test func `the way to the nodes that comes back is of concern`() throws {
        let stage = try Stage(.hostGateway)
        try stage.engine.node.command("ip", "route", "flush", "192.0.2.0/24")
        _ = try stage.recorder.events()
        try stage.engine.node.command("ip", "route", "add", "192.0.2.0/24", "dev", "eth0")
        #expect(try stage.concerning().count == 1)
    }

    @Test func `somebody else's routes are of concern on the device and in the place of ours, and so is their end`()
        throws
    {
        let stage = try Stage(.vxlan(.init()))
        let node = stage.engine.node
        for words in [
            ["route", "add", "172.16.0.0/16", "dev", "flannel.1"],
            ["route", "add", "10.244.2.0/24", "via", "192.0.2.77", "metric", "5"],
            ["route", "del", "10.244.2.0/24", "via", "192.0.2.77"],
            ["route", "add", "10.244.7.0/24", "via", "192.0.2.77", "proto", "70"],
        ] {
            _ = try node.namespace.run { Result { try Command.run(["ip"] + words) } }.get()
            #expect(try stage.concerning().count == 1, "\(words)")
        }
        try node.command("ip", "route", "add", "10.244.8.0/24", "via", "192.0.2.77")
        try node.command(
            "ip",
            "route",
            "add",
            "10.244.2.0/24",
            "via",
            "10.244.2.0",
            "dev",
            "flannel.1",
            "onlink",
            "table",
            "7"
        )
        #expect(try stage.concerning().isEmpty)
    }

    @Test(arguments: Reconciling.backends)
    func `what an update writes is of no concern`(backend: NetworkConfiguration.Backend) throws {
        let stage = try Stage(backend)
        var count = 0
        for peers in [
            [try Fleet.lease(2, backend.type), try Fleet.lease(3, backend.type)],
            [
                try Fleet.lease(2, backend.type, mac: try Fleet.mac("02:00:00:00:00:22")),
                try Fleet.lease(3, .hostGateway),
            ], [try Fleet.lease(3, backend.type)], [],
        ] {
            let desired = try stage.engine.desired(peers, backend)
            let report = try stage.engine.update(desired)
            #expect(!stage.engine.isDoubtful)
            let filter = EventFilter(desired: desired, devices: report.devices)
            let events = try stage.recorder.events()
            count += events.count
            #expect(events.filter(filter.concerns) == [])
            #expect(events.filter(filter.concernsUplink) == [])
        }
        #expect(count >= 6)
    }

    @Test func `what a repair writes is of no concern`() throws {
        let stage = try Stage(.vxlan(.init()))
        try stage.engine.node.command("ip", "route", "del", "10.244.2.0/24")
        try stage.engine.node.command("ip", "address", "flush", "dev", "flannel-v6.1", "scope", "global")
        _ = try stage.recorder.events()
        #expect(try stage.engine.run(try stage.engine.node.desired(stage.cluster.nodes, .vxlan(.init()))).isComplete)
        let events = try stage.recorder.events()
        #expect(!events.isEmpty)
        #expect(events.filter(stage.filter.concerns) == [])
    }

    @Test func `the comings and goings of containers are of no concern`() throws {
        let stage = try Stage(.vxlan(.init()))
        let node = stage.engine.node
        try node.command("ip", "link", "add", "cni0", "type", "bridge")
        try node.command("ip", "address", "add", "10.244.1.129/25", "dev", "cni0")
        try node.command("ip", "link", "set", "cni0", "up")
        _ = try stage.recorder.events()
        try node.command("ip", "link", "add", "veth1", "type", "veth", "peer", "name", "veth2")
        try node.command("ip", "link", "set", "veth1", "master", "cni0", "up")
        try node.command("ip", "link", "set", "veth2", "up")
        try node.command("ip", "neigh", "add", "10.244.1.9", "lladdr", "02:00:00:00:00:09", "dev", "cni0")
        try node.command("ip", "route", "add", "10.244.1.200/32", "dev", "veth2")
        try node.command("bridge", "fdb", "add", "02:00:00:00:00:09", "dev", "veth1", "master", "static")
        // An entry that the kernel makes on the device itself.
        _ = try node.namespace.run { Result { try Command.outcome(["ping", "-c", "1", "-W", "1", "10.244.2.2"]) } }
            .get()
        try node.command("ip", "link", "del", "veth1")
        let events = try stage.recorder.events()
        #expect(events.count > 10)
        #expect(events.filter(stage.filter.concerns) == [])
        let links = events.filter {
            switch $0 {
            // The bridge takes its Ethernet address and its state from its ports.
            case .link(let link): link.name != "cni0"
            default: true
            }
        }
        #expect(links.filter(stage.filter.concernsUplink) == [])
    }

    @Test func `another way out of the node concerns the uplink alone`() throws {
        let stage = try Stage(.vxlan(.init()))
        for words in [
            ["link", "add", "eth1", "type", "bridge"], ["link", "set", "eth1", "up"],
            ["address", "add", "203.0.113.1/24", "dev", "eth1"], ["route", "add", "default", "via", "203.0.113.9"],
            ["route", "del", "default"], ["link", "del", "eth1"],
        ] {
            _ = try stage.engine.node.namespace.run { Result { try Command.run(["ip"] + words) } }.get()
            let events = try stage.recorder.events()
            #expect(events.contains(where: stage.filter.concernsUplink), "\(words)")
            #expect(!events.contains(where: stage.filter.concerns), "\(words)")
        }
    }

    @Test func `lost events concern everything, and what stands in the way of a device concerns it`() throws {
        let desired = try Fleet.desired([try Fleet.lease(2)])
        let filter = EventFilter(desired: desired, devices: PerFamily(v4: LinkIndex(rawValue: 7)))
        #expect(filter.concerns(.eventsLost) && filter.concernsUplink(.eventsLost))
        var other = Link(index: LinkIndex(rawValue: 9))
        other.kind = "vxlan"
        #expect(filter.concerns(.linkRemoved(other)))
        let whole = PerFamily(v4: LinkIndex(rawValue: 7), v6: LinkIndex(rawValue: 8))
        #expect(!EventFilter(desired: desired, devices: whole).concerns(.linkRemoved(other)))
        other.name = "flannel.1"
        #expect(EventFilter(desired: desired, devices: whole).concerns(.link(other)))
    }
}
