// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite struct Monitoring: ~Copyable {
    let namespace: NetworkNamespace
    let socket: RouteSocket

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try RouteSocket.open(in: namespace)
        self.namespace = namespace
        self.socket = socket
    }

    @Test func `a link that comes up is waited for without polling`() throws {
        let pair = try socket.addVeth(VethPair(name: "a0", isUp: true, peerName: "b0"))
        #expect(try socket.link(pair.host)?.operationalState == .lowerLayerDown)
        let monitor = try RouteMonitor.open(.links, in: namespace)
        try Command.run("ip", "link", "set", "b0", "up", in: namespace)
        let came = try monitor.wait(until: .after(.seconds(5))) {
            if case .link(let link) = $0 { link.index == pair.host && link.operationalState == .up } else { false }
        }
        #expect(came)
    }

    @Test func `the end of duplicate address detection is waited for`() throws {
        let pair = try socket.addVeth(VethPair(name: "a0", isUp: true, peerName: "b0"))
        try socket.bringUp(try #require(pair.peer))
        let monitor = try RouteMonitor.open(.addresses, in: namespace)
        try socket.addAddress(LinkAddress(prefix: try prefix("fd00::1/64")), to: pair.host)
        let ended = try monitor.wait(until: .after(.seconds(10))) {
            guard case .address(let address) = $0, address.prefix.address == IPAddress("fd00::1") else { return false }
            return !address.flags.contains(.tentative)
        }
        #expect(ended)
        let own = try socket.addresses(of: pair.host).first { $0.prefix.address == IPAddress("fd00::1") }
        #expect(own.map { $0.flags.contains(.tentative) } == false)
    }

    @Test func `changes of links, addresses, routes and neighbours by others are told apart`() throws {
        let monitor = try RouteMonitor.open([.links, .addresses, .routes, .neighbors], in: namespace)
        try Command.run("ip", "link", "add", "cni0", "up", "type", "bridge", in: namespace)
        try Command.run("ip", "link", "add", "a0", "type", "veth", "peer", "name", "b0", in: namespace)
        try Command.run("ip", "link", "set", "a0", "master", "cni0", in: namespace)
        try Command.run("ip", "address", "add", "10.1.0.1/24", "dev", "cni0", in: namespace)
        try Command.run("ip", "neigh", "add", "10.1.0.9", "lladdr", "02:00:00:00:00:01", "dev", "cni0", in: namespace)
        try Command.run("ip", "neigh", "del", "10.1.0.9", "dev", "cni0", in: namespace)
        try Command.run("ip", "route", "add", "10.9.0.0/16", "via", "10.1.0.9", in: namespace)
        try Command.run("ip", "route", "del", "10.9.0.0/16", in: namespace)
        try Command.run("ip", "address", "del", "10.1.0.1/24", "dev", "cni0", in: namespace)
        try Command.run("ip", "link", "set", "a0", "nomaster", in: namespace)
        try Command.run("ip", "link", "del", "cni0", in: namespace)
        var seen: Set<String> = []
        while true {
            let events = try monitor.next(until: .after(.milliseconds(300)))
            if events.isEmpty { break }
            for event in events {
                switch event {
                case .link(let link) where link.name == "cni0": seen.insert("link")
                case .linkRemoved(let link) where link.name == "cni0": seen.insert("link removed")
                case .linkRemoved(let link): seen.insert("link \(link.name) removed")
                case .bridgePort: seen.insert("port")
                case .bridgePortRemoved: seen.insert("port removed")
                case .address(let address) where address.prefix == IPPrefix("10.1.0.1/24"): seen.insert("address")
                case .addressRemoved(let address) where address.prefix == IPPrefix("10.1.0.1/24"):
                    seen.insert("address removed")
                case .route(let route) where route.destination == IPPrefix("10.9.0.0/16"): seen.insert("route")
                case .routeRemoved(let route) where route.destination == IPPrefix("10.9.0.0/16"):
                    seen.insert("route removed")
                case .neighbor(let entry) where entry.address == IPAddress("10.1.0.9"): seen.insert("neighbor")
                case .neighborRemoved(let entry) where entry.address == IPAddress("10.1.0.9"):
                    seen.insert("neighbor removed")
                case .forwardingEntry: seen.insert("forwarding entry")
                case .forwardingEntryRemoved: seen.insert("forwarding entry removed")
                case .eventsLost: seen.insert("lost")
                default: break
                }
            }
        }
        #expect(
            seen == [
                "link", "link removed", "port", "port removed", "address", "address removed", "route", "route removed",
                "neighbor", "neighbor removed", "forwarding entry", "forwarding entry removed",
            ]
        )
    }

    @Test func `reports that the kernel had to drop are an event, and the monitor goes on`() throws {
        let bridge = try socket.addBridge(BridgeOptions(name: "cni0"))
        let monitor = try RouteMonitor.open(.links, in: namespace, bufferSize: 4096)
        for number in 0..<100 { try socket.setAlias("text \(number)", of: bridge) }
        var lost = 0
        while true {
            let events = try monitor.next(until: .after(.milliseconds(100)))
            if events.isEmpty { break }
            lost += events.count { $0 == .eventsLost }
        }
        #expect(lost > 0)
        try socket.setAlias("after", of: bridge)
        #expect(
            try monitor.wait(until: .after(.seconds(5))) {
                if case .link(let link) = $0 { link.alias == "after" } else { false }
            }
        )
    }

    @Test func `nothing happening ends with the deadline`() throws {
        let monitor = try RouteMonitor.open(.links, in: namespace)
        let start = ContinuousClock.now
        #expect(try monitor.next(until: .after(.milliseconds(50))).isEmpty)
        let waited = start.duration(to: .now)
        #expect(waited >= .milliseconds(50))
        #expect(waited < .seconds(5))
        #expect(try monitor.next(until: .after(.seconds(-1))).isEmpty)
    }
}
