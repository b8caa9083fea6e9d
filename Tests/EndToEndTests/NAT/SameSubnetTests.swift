// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Two networks of one host with the same subnet, as two tenants may have chosen it.
    @Suite(.requiresProducts("bridge", "host-local", "portmap"), .requiresPrograms("nft")) struct SameSubnet {
        @Test(arguments: Combination.all)
        func `halves of one subnet are masqueraded and published without touching each other`(
            _ way: Combination
        ) throws {
            let scene = try TwinScene(way, left: 10, right: 100)
            for pod in [scene.left, scene.right] {
                // All the host has to know besides: which half is where.
                let bridge = pod.attachment.network.plugins[0]["bridge"]?.string ?? ""
                for family in AddressFamily.allCases {
                    let prefix = IPPrefix(host: try pod.address(family))
                    try scene.site.host.run("ip", "route", "add", "\(prefix)", "dev", bridge)
                }
            }
            try scene.expectBoth()
            // One network's containers reach the other's published port, and their own.
            let host = Place.host.address(way.family)
            for (source, port, name) in [
                (scene.left, 8080, "left"), (scene.left, 8081, "right"), (scene.right, 8080, "left"),
                (scene.right, 8081, "right"),
            ] {
                let contact = try way.call(host, UInt16(port), from: source.container.namespace, among: scene.services)
                #expect(contact == Contact(name, saw: scene.gateway), "\(source.container.id) to \(port)")
            }
            try scene.expectRightAlone()
        }

        @Test(arguments: Combination.all)
        func `containers with one address are masqueraded and published without touching each other`(
            _ way: Combination
        ) throws {
            let scene = try TwinScene(way, left: 10, right: 10)
            #expect(try scene.left.address(way.family) == scene.right.address(way.family))
            try scene.routeByConnection()
            try scene.expectBoth()
            try scene.expectRightAlone()
        }
    }
}

/// Two networks with the same subnet, a container on each that publishes a port.
private struct TwinScene {
    let way: Combination
    let site: Site
    /// Publishes 8080.
    let left: Pod
    /// Publishes 8081.
    let right: Pod
    let services: [Service]
    private let outside: Service

    /// Makes networks whose first addresses end in given numbers.
    init(_ way: Combination, left leftNumber: Int, right rightNumber: Int) throws {
        self.way = way
        let site = try Site(bridgeFilter: way.bridgeFilter)
        self.site = site
        func pod(_ name: String, _ first: Int, _ port: Int) throws -> Pod {
            let network = ContainerNetwork.pods(
                name,
                bridge: "cni-\(name)",
                ranges: [
                    Networks.range("10.90.0.0/24", from: "10.90.0.\(first)", to: "10.90.0.\(first + 50)"),
                    Networks.range("fd00:90::/64", from: "fd00:90::\(first)", to: "fd00:90::\(first + 50)"),
                ],
                dataDirectory: site.host.dataDirectory
            ).chaining("portmap")
            return try site.host.pod(name, on: network, publishing: [way.port(port, to: 80)])
        }
        left = try pod("left", leftNumber, 8080)
        right = try pod("right", rightNumber, 8081)
        services = [
            try way.service("left", port: 80, in: left.container.namespace),
            try way.service("right", port: 80, in: right.container.namespace),
            try way.service("the host", port: 8080, in: site.host.namespace),
        ]
        outside = try way.service("outside", port: 9000, in: site.outside.namespace)
    }

    /// The address of both bridges.
    var gateway: IPAddress { way.family == .v4 ? "10.90.0.1" : "fd00:90::1" }

    /// Expects that both containers reach the outside by the host's address, and are reached.
    func expectBoth() throws {
        let host = Place.host.address(way.family)
        let caller = Place.outside.address(way.family)
        for (pod, port) in [(left, 8080), (right, 8081)] {
            let name = pod.container.id
            let outward = try call(from: pod)
            #expect(outward == Contact("outside", saw: host), "\(name) to outside")
            let inward = try way.call(host, UInt16(port), from: site.outside.namespace, among: services)
            #expect(inward == Contact(name, saw: caller), "outside to \(name)")
        }
    }

    /// Removes the left container and expects the right one to go on.
    func expectRightAlone() throws {
        let host = Place.host.address(way.family)
        let conversation = try way.open(host, 8081, from: site.outside.namespace, among: services)
        try site.host.detach(left)
        #expect(conversation?.goesOn() == true, "a conversation with the right one")
        let inward = try way.call(host, 8081, from: site.outside.namespace, among: services)
        #expect(inward == Contact("right", saw: Place.outside.address(way.family)), "outside to the right one")
        #expect(try call(from: right) == Contact("outside", saw: host), "the right one to outside")
        let gone = try way.call(host, 8080, from: site.outside.namespace, among: services)
        #expect(gone?.service == "the host", "the left one's port")
    }

    /// Keeps apart what has the same address: by the interface that a connection belongs to.
    func routeByConnection() throws {
        let port = "\(way.transport.rawValue) dport"
        try site.host.applyRules(
            """
            table inet tenants {
                chain early {
                    type filter hook prerouting priority mangle
                    ct direction original iifname "cni-left" ct mark set 1
                    ct direction original iifname "cni-right" ct mark set 2
                    ct direction original iifname "up0" \(port) 8080 ct mark set 1
                    ct direction original iifname "up0" \(port) 8081 ct mark set 2
                    ct mark 1 meta mark set meta mark or 0x100000
                    ct mark 2 meta mark set meta mark or 0x200000
                }
            }
            """
        )
        for (family, subnet) in [("-4", "10.90.0.0/24"), ("-6", "fd00:90::/64")] {
            for (mark, bridge, table) in [("0x100000", "cni-left", "101"), ("0x200000", "cni-right", "102")] {
                try site.host.run("ip", family, "rule", "add", "fwmark", "\(mark)/0x300000", "lookup", table)
                try site.host.run("ip", family, "route", "add", subnet, "dev", bridge, "table", table)
            }
        }
    }

    private func call(from pod: Pod) throws -> Contact? {
        try way.call(
            Place.outside.address(way.family),
            9000,
            from: pod.container.namespace,
            // The same address and port twice would be the same connection to the host.
            sourcePort: pod.container.id == "left" ? 41_000 : 42_000,
            among: [outside]
        )
    }
}

extension TestHost {
    /// Loads a ruleset as `nft -f` reads it.
    func applyRules(_ rules: String) throws {
        _ = try namespace.run { Result { try Command.run(["nft", "-f", "-"], input: rules) } }.get()
    }
}
