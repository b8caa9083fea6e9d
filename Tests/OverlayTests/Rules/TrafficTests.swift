// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import NFTables
import Overlay
import Testing

@Suite struct `Packets under traffic rules` {
    @Test(arguments: AddressFamily.allCases)
    func `get the node's address where they leave the network or enter it for another node, and only there`(
        family: AddressFamily
    ) throws {
        let scene = try TrafficScene()
        let node = try TrafficScene.address(.node, family)
        let tunnel = try TrafficScene.tunnelAddress(family)
        let cases: [(TrafficScene.Place, TrafficScene.Place, IPAddress?)] = [
            (.container, .world, node), (.remoteContainer, .world, node), (.container, .remoteContainer, nil),
            (.remoteContainer, .container, nil), (.world, .container, nil), (.node, .container, nil),
            (.node, .remoteContainer, tunnel), (.world, .remoteContainer, tunnel), (.node, .world, nil),
            (.world, .stranger, nil),
        ]
        // Without rules every packet keeps its source: the witness is awake.
        for (origin, target, _) in cases {
            let seen = try scene.source(from: origin, to: target, family)
            #expect(seen == (try TrafficScene.address(origin, family)), "\(origin) to \(target) without rules")
        }
        try scene.host.run()
        for (origin, target, translated) in cases {
            let seen = try scene.source(from: origin, to: target, family)
            let expected = try translated ?? TrafficScene.address(origin, family)
            #expect(seen == expected, "\(origin) to \(target)")
        }
        #expect(try scene.host.keeper.remove().repairs == [.ruleTableRemoved: 1])
        let after = try scene.source(from: .container, to: .world, family)
        #expect(after == (try TrafficScene.address(.container, family)))
    }

    @Test(arguments: AddressFamily.allCases, [("0x4000", true), ("0x7001", true), ("0x8000", false)])
    func `keep their address when kube-proxy's bit says that it will translate them`(
        family: AddressFamily,
        mark: (value: String, isKubeProxys: Bool)
    ) throws {
        let scene = try TrafficScene()
        try scene.host.run()
        try scene.host.script(
            """
            nft 'add table inet marking; add chain inet marking prerouting { type filter hook prerouting priority mangle; }
            add rule inet marking prerouting meta mark set \(mark.value)'
            """
        )
        let seen = try scene.source(from: .container, to: .world, family)
        #expect(seen == (try TrafficScene.address(mark.isKubeProxys ? .container : .node, family)))
    }

    @Test(arguments: AddressFamily.allCases)
    func `to a group keep their address`(family: AddressFamily) throws {
        let scene = try TrafficScene()
        try scene.host.run()
        let group = try Fleet.address(family == .v4 ? "239.1.2.3" : "ff15::123")
        let gateway = try TrafficScene.gateway(family)
        let receiver = try scene.socket(at: .world, family)
        try scene.join(receiver, group)
        let sender = try scene.socket(at: .node, family, from: gateway)
        try sender.sendMulticast(by: "eth0", in: scene.host.namespace)
        try sender.send(to: group, receiver.port)
        #expect(try receiver.receive(within: 5) == gateway)
        // The same to a single host is translated.
        let other = try scene.socket(at: .node, family, from: gateway)
        try other.send(to: try TrafficScene.address(.world, family), receiver.port)
        #expect(try receiver.receive(within: 5) == (try TrafficScene.address(.node, family)))
    }

    @Test(arguments: AddressFamily.allCases, ["-P FORWARD DROP", "-A FORWARD -j REJECT"])
    func `of the network pass a FORWARD chain that drops, and others do not`(
        family: AddressFamily,
        rule: String
    ) throws {
        let scene = try TrafficScene()
        let program = family == .v4 ? "iptables" : "ip6tables"
        try scene.host.script("\(program) \(rule)")
        #expect(try scene.source(from: .container, to: .world, family, within: 1) == nil)
        let report = try scene.host.run()
        #expect(report.forwardingFamilies == [family])
        for (origin, target) in [
            (TrafficScene.Place.container, TrafficScene.Place.world), (.world, .container),
            (.container, .remoteContainer),
            (.remoteContainer, .world),
        ] {
            #expect(try scene.source(from: origin, to: target, family) != nil, "\(origin) to \(target)")
        }
        #expect(try scene.source(from: .world, to: .stranger, family, within: 1) == nil)
        // What an administrator refuses beforehand stays refused.
        let address = try TrafficScene.address(.remoteContainer, family)
        try scene.host.script("\(program) -I FORWARD -d \(address) -j DROP")
        #expect(try scene.host.run().isUnchanged)
        #expect(try scene.source(from: .container, to: .remoteContainer, family, within: 1) == nil)
        #expect(try scene.source(from: .container, to: .world, family) != nil)
        _ = try scene.host.keeper.remove()
        #expect(try scene.source(from: .container, to: .world, family, within: 1) == nil)
    }

    @Test func `are never seen with a container's address while something else is repaired`() throws {
        let scene = try TrafficScene()
        try scene.host.dropForwarded()
        try scene.host.run()
        let receiver = try scene.socket(at: .world, .v4)
        let target = try TrafficScene.address(.world, .v4)
        let node = try TrafficScene.address(.node, .v4)
        let damages = [
            "add chain inet flannel stray", "delete chain inet flannel forward", "flush chain inet flannel masquerade6",
            "add rule inet flannel masquerade4 counter", "chain inet flannel forward { policy drop; }",
            "insert rule inet flannel postrouting counter", "flush chain inet flannel forward",
            "delete chain ip filter CNI-FORWARD",
        ]
        let flood = try scene.flood(to: target, receiver.port)
        var seen: [IPAddress: Int] = [:]
        var repairs = 0
        for round in 0..<160 {
            let damage = damages[round % damages.count]
            if damage.hasPrefix("delete chain ip filter") {
                try scene.host.script(
                    "nft 'flush chain ip filter FORWARD; flush chain ip filter CNI-FORWARD; \(damage)'"
                )
            } else {
                try scene.host.script("nft '\(damage)'")
            }
            repairs += try scene.host.run().repairs.values.reduce(0, +)
            while let sender = try receiver.takeOne() { seen[sender, default: 0] += 1 }
        }
        flood.stop()
        #expect(repairs >= 160)
        #expect(seen.keys.sorted() == [node])
        #expect((seen[node] ?? 0) > 1000, "\(seen)")
    }
}

extension TrafficScene {
    /// Has a socket of the world's receive what is sent to a group.
    func join(_ socket: Datagrams, _ group: IPAddress) throws {
        try withWorld { world in try socket.join(group, by: "eth0", in: world) }
    }

    /// Sends first packets of connections from the container, one after the other, until it is told to stop.
    func flood(to address: IPAddress, _ port: UInt16) throws -> Flood {
        let source = try Self.address(.container, address.family)
        return try withContainer { container in try Flood(from: source, to: address, port, in: container) }
    }
}
