// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

/// What somebody does to a node behind the daemon's back.
struct Sabotage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Commands; DEVICE, BASE, PEER, SUBNET, MAC and ENDPOINT stand for what belongs to the family.
    let commands: [String]
    /// What is repaired, and how often.
    let repairs: [Change.Kind: Int]

    /// What else is repaired with IPv4.
    let additionally: [Change.Kind: Int]

    init(
        _ description: String,
        _ commands: [String],
        _ repairs: [Change.Kind: Int],
        v4 additionally: [Change.Kind: Int] = [:]
    ) {
        testDescription = description
        self.commands = commands
        self.repairs = repairs
        self.additionally = additionally
    }

    /// The device and all that is on it, for one peer.
    static let wholeDevice: [Change.Kind: Int] = [
        .deviceAdded: 1, .deviceChanged: 1, .setting: 1, .addressAdded: 1, .neighborSet: 1, .forwardingEntrySet: 1,
        .routeSet: 1,
    ]

    static let ofTunnel: [Sabotage] = [
        Sabotage("the route is deleted", ["ip route del SUBNET"], [.routeSet: 1]),
        Sabotage(
            "the route leads elsewhere",
            ["ip route replace SUBNET dev DEVICE proto 70"],
            [.routeSet: 1]
        ),
        Sabotage("the neighbour is deleted", ["ip neigh del PEER dev DEVICE"], [.neighborSet: 1]),
        Sabotage(
            "the neighbour has another address",
            ["ip neigh replace PEER lladdr 02:00:00:00:00:99 dev DEVICE nud permanent"],
            [.neighborSet: 1]
        ),
        Sabotage(
            "the neighbour may expire",
            ["ip neigh change PEER lladdr MAC dev DEVICE nud stale"],
            [.neighborSet: 1]
        ),
        Sabotage(
            "the forwarding entry is deleted",
            ["bridge fdb del MAC dev DEVICE dst ENDPOINT self"],
            [.forwardingEntrySet: 1]
        ),
        Sabotage(
            "the forwarding entry leads elsewhere",
            ["bridge fdb replace MAC dev DEVICE dst ELSEWHERE self permanent"],
            [.forwardingEntrySet: 1]
        ),
        Sabotage(
            "the address is deleted",
            ["ip address del BASE dev DEVICE"],
            [.addressAdded: 1],
            // With its last IPv4 address an interface loses all routes and neighbours.
            v4: [.routeSet: 1, .neighborSet: 1]
        ),
        Sabotage("the device is deleted", ["ip link del DEVICE"], wholeDevice),
        Sabotage(
            "the device is another one",
            ["ip link del DEVICE", "ip link add DEVICE type vxlan id 1 dstport 4789 dev eth0"],
            wholeDevice.merging([.deviceRemoved: 1]) { $1 }
        ),
        Sabotage("the device has another MTU", ["ip link set DEVICE mtu 1300"], [.deviceChanged: 1]),
        Sabotage(
            "the device has another address",
            ["ip link set DEVICE address 02:00:00:00:00:99"],
            [.deviceChanged: 1, .neighborSet: 1]
        ),
        Sabotage(
            "the device is a port of a bridge",
            ["ip link add br0 type bridge", "ip link set DEVICE master br0"],
            [.deviceChanged: 1]
        ),
        Sabotage("the device learns", ["ip link set DEVICE type vxlan learning"], [.deviceChanged: 1]),
        Sabotage(
            "there is more than belongs there",
            [
                "ip neigh add STRANGER lladdr 02:00:00:00:00:98 dev DEVICE nud permanent",
                "bridge fdb add 02:00:00:00:00:98 dev DEVICE dst ELSEWHERE self permanent",
                "ip address add STRANGER dev DEVICE", "ip route add FOREIGN dev DEVICE proto 70",
            ],
            [.neighborRemoved: 1, .forwardingEntryRemoved: 1, .addressRemoved: 1, .routeRemoved: 1]
        ),
    ]
}

@Suite struct Repairs {
    func perform(_ sabotage: Sabotage, on node: Node, _ other: Node, _ family: AddressFamily) throws {
        let peer = try other.desired([], .vxlan(.init())).devices[family]
        let words = [
            "DEVICE": TunnelDevice.name(vni: 1, family), "SUBNET": "\(try Fleet.subnet(other.number, family))",
            "BASE": "\(IPPrefix(host: try Fleet.subnet(node.number, family).first))",
            "PEER": "\(try Fleet.subnet(other.number, family).first)", "MAC": peer.map { "\($0.mac)" } ?? "",
            "ENDPOINT": "\(try Fleet.node(other.number, family))", "ELSEWHERE": "\(try Fleet.node(77, family))",
            "STRANGER": "\(try Fleet.subnet(99, family).first)", "FOREIGN": "\(try Fleet.subnet(99, family))",
        ]
        for command in sabotage.commands {
            var parts = command.split(separator: " ").map { words[String($0)] ?? String($0) }
            if parts[0] == "ip", family == .v6 { parts.insert("-6", at: 1) }
            _ = try node.namespace.run { [parts] in Result { try Command.run(parts) } }.get()
        }
    }

    func check(
        _ sabotage: Sabotage,
        _ family: AddressFamily,
        _ backend: NetworkConfiguration.Backend
    ) throws {
        let cluster = try Cluster([backend.type, backend.type])
        let node = cluster.nodes[0]
        let other = cluster.nodes[1]
        try cluster.reconcile(backend)
        let engine = try Engine(node)
        let desired = try node.desired(cluster.nodes, backend)
        #expect(try engine.run(desired).isUnchanged)
        #expect(try engine.check(desired).isUnchanged)
        let before = try node.state()
        #expect(try node.reaches(other, family))
        try perform(sabotage, on: node, other, family)
        let report = try engine.check(desired)
        #expect(report.isComplete && report.failures.isEmpty)
        #expect(
            report.repairs
                == (family == .v4 ? sabotage.repairs.merging(sabotage.additionally) { $1 } : sabotage.repairs)
        )
        #expect(try node.state() == before)
        #expect(try node.reaches(other, family))
        #expect(try engine.check(desired).isUnchanged && !engine.isDoubtful)
        #expect(try node.reconcile(cluster.nodes, backend).isUnchanged)
    }

    @Test(arguments: Sabotage.ofTunnel, AddressFamily.allCases)
    func `the tunnel is as before after one run when`(sabotage: Sabotage, family: AddressFamily) throws {
        try check(sabotage, family, .vxlan(.init()))
    }

    @Test(arguments: [NetworkConfiguration.Backend.hostGateway, Fleet.directRouting], AddressFamily.allCases)
    func `a route through a node is as before after one run`(
        backend: NetworkConfiguration.Backend,
        family: AddressFamily
    ) throws {
        try check(Sabotage("", ["ip route del SUBNET"], [.routeSet: 1]), family, backend)
        try check(
            Sabotage("", ["ip route replace SUBNET via ELSEWHERE proto 70"], [.routeSet: 1]),
            family,
            backend
        )
        try check(Sabotage("", ["ip route add FOREIGN via ELSEWHERE proto 70"], [.routeRemoved: 1]), family, backend)
    }

    @Test func `the tunnel is as before after one run when the device was switched off`() throws {
        let cluster = try Cluster([.vxlan, .vxlan])
        let backend = NetworkConfiguration.Backend.vxlan(.init())
        try cluster.reconcile(backend)
        let node = cluster.nodes[0]
        let before = try node.state()
        for name in ["flannel.1", "flannel-v6.1", "eth0"] {
            try node.command("ip", "link", "set", name, "down")
            if name == "eth0" {
                try node.command("ip", "link", "set", name, "up")
                // IPv6 addresses go when the interface does.
                try node.command("ip", "address", "replace", "2001:db8::1/64", "dev", "eth0", "nodad")
            }
            #expect(try node.reconcile(cluster.nodes, backend).isComplete)
            #expect(try node.state() == before)
            for family in AddressFamily.allCases { #expect(try node.reaches(cluster.nodes[1], family)) }
            #expect(try node.reconcile(cluster.nodes, backend).isUnchanged)
        }
    }

    @Test func `a bridge that gets the device is noticed and loses it`() throws {
        let cluster = try Cluster([.vxlan])
        let engine = try Engine(cluster.nodes[0])
        let desired = try engine.desired([try Fleet.lease(2)])
        let filter = EventFilter(desired: desired, devices: try engine.run(desired).devices)
        try engine.node.command("ip", "link", "add", "br0", "type", "bridge")
        let recorder = try EventRecorder(engine.node)
        try engine.node.command("ip", "link", "set", "flannel.1", "master", "br0")
        #expect(try recorder.events().contains(where: filter.concerns))
        #expect(try engine.check(desired).repairs == [.deviceChanged: 1])
        // That it is no port any more is what is wanted.
        let released = try recorder.events().filter { if case .bridgePortRemoved = $0 { true } else { false } }
        #expect(!released.isEmpty && !released.contains(where: filter.concerns), "\(released)")
        #expect(try engine.check(desired).isUnchanged && !engine.isDoubtful)
    }

    @Test func `a check reports foreign routes as long as they are there`() throws {
        let cluster = try Cluster([.vxlan])
        let engine = try Engine(cluster.nodes[0])
        let desired = try engine.desired([try Fleet.lease(2)])
        try engine.run(desired)
        try engine.node.command("ip", "route", "add", "172.16.0.0/16", "dev", "flannel.1", "proto", "static")
        for _ in 1...2 { #expect(try engine.check(desired).foreignRoutes.count == 1) }
        try engine.node.command("ip", "route", "del", "172.16.0.0/16")
        #expect(try engine.check(desired).foreignRoutes.isEmpty)
        // Entries that the kernel makes by itself are nobody's fault.
        try engine.node.command(
            "ip",
            "neigh",
            "add",
            "10.244.2.9",
            "dev",
            "flannel.1",
            "nud",
            "stale",
            "lladdr",
            "02:00:00:00:00:07"
        )
        #expect(try engine.check(desired).isUnchanged && !engine.isDoubtful)
        withExtendedLifetime(cluster) {}
    }

    @Test func `router advertisements are refused on the device`() throws {
        let cluster = try Cluster([.vxlan])
        let node = cluster.nodes[0]
        let backend = NetworkConfiguration.Backend.vxlan(.init())
        try node.reconcile([], backend)
        func setting() throws -> String {
            try node.namespace.run { Result { try Sysctl.ipv6("flannel.1", "accept_ra").read() } }.get()
        }
        #expect(try setting() == "0")
        try node.namespace.run { Result { try Sysctl.ipv6("flannel.1", "accept_ra").write("2") } }.get()
        #expect(try node.reconcile([], backend).repairs == [.setting: 1])
        #expect(try setting() == "0")
    }
}
