// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Published ports with the keys of `portmap`, and with `hostIP`.
    @Suite(.requiresProducts("bridge", "host-local", "portmap")) struct PortMapOptions {
        @Test(arguments: Combination.all)
        func `masqAll hides who called from outside`(_ way: Combination) throws {
            let scene = try PortMapScene(way, portmap: [("masqAll", true)])
            let host = Place.host.address(way.family)
            for source in scene.callers {
                let address = source === scene.site.upstream ? Place.hostUpstream.address(way.family) : host
                let contact = try scene.call(address, from: source.namespace)
                #expect(contact == Contact(scene.web.name, saw: scene.gateway), "from \(source.id)")
            }
        }

        @Test(arguments: Combination.all)
        func `without snat every caller keeps his address, and localhost is the host's own`(_ way: Combination) throws {
            let scene = try PortMapScene(way, portmap: [("snat", false)])
            let host = Place.host.address(way.family)
            let fromOutside = try scene.call(host, from: scene.site.outside.namespace)
            #expect(fromOutside == Contact(scene.web.name, saw: Place.outside.address(way.family)))
            let fromHost = try scene.call(host, from: scene.site.host.namespace)
            #expect(fromHost == Contact(scene.web.name, saw: host))
            if way.family == .v4 {
                let fromLocalhost = try scene.call("127.0.0.1", from: scene.site.host.namespace)
                #expect(fromLocalhost == Contact("the host", saw: "127.0.0.1"))
                let setting = Sysctl.ipv4("cni-one", "route_localnet")
                let value = try scene.site.host.namespace.run { Result { try setting.read() } }.get()
                #expect(value == "0", "nothing needs route_localnet")
            }
        }

        @Test(arguments: Combination.all)
        func `a port published on one address answers there only`(_ way: Combination) throws {
            let host = Place.host.address(way.family)
            let scene = try PortMapScene(way, at: host)
            let fromOutside = try scene.call(host, from: scene.site.outside.namespace)
            #expect(fromOutside == Contact(scene.web.name, saw: Place.outside.address(way.family)))
            for pod in [scene.published, scene.sibling] {
                let contact = try scene.call(host, from: pod.container.namespace)
                #expect(contact == Contact(scene.web.name, saw: scene.gateway), "from \(pod.container.id)")
            }
            #expect(try scene.call(host, from: scene.stranger.container.namespace)?.service == scene.web.name)
            #expect(try scene.call(host, from: scene.site.host.namespace)?.service == scene.web.name)

            let other = Place.hostUpstream.address(way.family)
            let fromUpstream = try scene.call(other, from: scene.site.upstream.namespace)
            #expect(fromUpstream == Contact("the host", saw: Place.upstream.address(way.family)))
            let fromHost = try scene.call(other, from: scene.site.host.namespace)
            #expect(fromHost == Contact("the host", saw: other))
            let fromSibling = try scene.call(scene.gateway, from: scene.sibling.container.namespace)
            #expect(fromSibling == Contact("the host", saw: try scene.sibling.address(way.family)))
            if way.family == .v4 {
                let fromLocalhost = try scene.call("127.0.0.1", from: scene.site.host.namespace)
                #expect(fromLocalhost == Contact("the host", saw: "127.0.0.1"))
            }
        }

        @Test(arguments: AddressFamily.allCases)
        func `containers publish the same port on different addresses of the host`(_ family: AddressFamily) throws {
            let way = Combination(family: family, transport: .tcp, bridgeFilter: true)
            let host = Place.host.address(family)
            let other = Place.hostUpstream.address(family)
            let scene = try PortMapScene(way, at: host)
            let port = way.port(Int(PortMapScene.port), to: Int(PortMapScene.containerPort), at: other)
            let second = try scene.site.host.pod("second", on: scene.network, publishing: [port])
            let web = try way.service("second", port: PortMapScene.containerPort, in: second.container.namespace)
            let outside = scene.site.outside
            #expect(try scene.call(host, from: outside.namespace, or: [web])?.service == scene.web.name)
            let upstream = scene.site.upstream
            #expect(try scene.call(other, from: upstream.namespace, or: [web])?.service == "second")
            try scene.site.host.detach(scene.published.attachment)
            #expect(try scene.call(host, from: outside.namespace, or: [web])?.service == "the host")
            #expect(try scene.call(other, from: upstream.namespace, or: [web])?.service == "second")
        }

        @Test(arguments: Transport.allCases)
        func `one port number serves TCP and UDP of different containers`(_ transport: Transport) throws {
            let way = Combination(family: .v4, transport: transport, bridgeFilter: true)
            let scene = try PortMapScene(way)
            let otherWay = Combination(family: .v4, transport: transport == .tcp ? .udp : .tcp, bridgeFilter: true)
            let port = otherWay.port(Int(PortMapScene.port), to: Int(PortMapScene.containerPort))
            let second = try scene.site.host.pod("second", on: scene.network, publishing: [port])
            let web = try otherWay.service("second", port: PortMapScene.containerPort, in: second.container.namespace)
            let outside = scene.site.outside
            let host = Place.host.address(.v4)
            #expect(try scene.call(host, from: outside.namespace)?.service == scene.web.name)
            #expect(
                try otherWay.call(host, PortMapScene.port, from: outside.namespace, among: [web])?.service == "second"
            )
        }

        @Test(arguments: Condition.iptablesWords + Condition.nftablesWords)
        func `conditions let through whom they name, on their own network only`(_ condition: Condition) throws {
            let way = Combination(family: condition.family, transport: .tcp, bridgeFilter: true)
            let scene = try PortMapScene(way, portmap: [condition.key])
            let unconditional = way.port(8081, to: 81)
            let other = try scene.site.host.pod("other", on: scene.otherNetwork, publishing: [unconditional])
            let service = try way.service("other", port: 81, in: other.container.namespace)

            let outside = scene.site.outside
            let upstream = scene.site.upstream
            let host = Place.host.address(way.family)
            let hostUpstream = Place.hostUpstream.address(way.family)
            let fromOutside = try scene.call(host, from: outside.namespace)
            #expect(fromOutside?.service == (condition.admitsOutside ? "web" : "the host"), "outside: \(fromOutside)")
            let fromUpstream = try scene.call(hostUpstream, from: upstream.namespace)
            #expect(
                fromUpstream?.service == (condition.admitsOutside ? "the host" : "web"),
                "upstream: \(fromUpstream)"
            )
            for (address, source) in [(host, scene.site.outside), (hostUpstream, scene.site.upstream)] {
                let contact = try way.call(address, 8081, from: source.namespace, among: [service])
                #expect(contact?.service == "other", "a network without conditions, from \(source.id)")
            }
        }
    }
}

/// A condition of a network: it is met by what comes from outside and not by what comes from upstream, or vice versa.
struct Condition: Sendable, CustomTestStringConvertible {
    let family: AddressFamily
    let words: [String]
    let admitsOutside: Bool

    /// The key of `portmap` and its value.
    var key: (String, JSONValue) { (family == .v4 ? "conditionsV4" : "conditionsV6", .strings(words)) }

    var testDescription: String { words.joined(separator: " ") }

    /// Conditions as the reference's iptables backend takes them.
    static var iptablesWords: [Condition] {
        AddressFamily.allCases.flatMap { family in
            let outside = family == .v4 ? "192.0.2.0/24" : "2001:db8:2::/64"
            let host = "\(Place.host.address(family))"
            return [
                Condition(family: family, words: ["-s", outside], admitsOutside: true),
                Condition(family: family, words: ["!", "--source", outside], admitsOutside: false),
                Condition(family: family, words: ["-i", "up0"], admitsOutside: true),
                Condition(family: family, words: ["!", "--in-interface", "up0"], admitsOutside: false),
                Condition(family: family, words: ["-d", host], admitsOutside: true),
                Condition(family: family, words: ["-i", "up+", "!", "-s", outside], admitsOutside: false),
            ]
        }
    }

    /// Conditions as the reference's nftables backend takes them.
    static var nftablesWords: [Condition] {
        AddressFamily.allCases.flatMap { family in
            let word = family == .v4 ? "ip" : "ip6"
            let outside = family == .v4 ? "192.0.2.0/24" : "2001:db8:2::/64"
            return [
                Condition(family: family, words: [word, "saddr", outside], admitsOutside: true),
                Condition(family: family, words: [word, "saddr", "!=", outside], admitsOutside: false),
                Condition(family: family, words: ["iifname", "up0"], admitsOutside: true),
                Condition(family: family, words: ["meta", "iifname", "!=", "up0"], admitsOutside: false),
                Condition(
                    family: family,
                    words: [word, "daddr", "\(Place.host.address(family))", "iifname", "up*"],
                    admitsOutside: true
                ),
            ]
        }
    }
}
