// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Who owns what: a DEL removes its own attachment's state and nobody else's.
    @Suite(.requiresProducts("bridge", "host-local", "portmap"), .requiresPrograms("nft")) struct Ownership {
        @Test(arguments: AddressFamily.allCases, [0, 1])
        func `DEL of one attachment of a container leaves another on the same network`(
            _ family: AddressFamily,
            _ first: Int
        ) throws {
            let scene = try TwoAttachments(family, networks: ["one", "one"])
            try scene.removeInTurn(first)
        }

        @Test(arguments: AddressFamily.allCases, [0, 1])
        func `DEL of one attachment of a container leaves another on another network`(
            _ family: AddressFamily,
            _ first: Int
        ) throws {
            let scene = try TwoAttachments(family, networks: ["one", "two"])
            try scene.removeInTurn(first)
        }

        @Test(arguments: [LateDeletion.complete, .withoutNamespace, .withoutAnything])
        func `a late DEL leaves the new owner of the address and the port`(_ late: LateDeletion) throws {
            let site = try Site()
            let network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
            try site.warmUp(network)
            let before = try Snapshot(of: site.host)
            let port = PublishedPort(host: 8080, container: 80, transport: .tcp)
            try site.host.forgetReservations()
            var old = try site.host.pod("old", on: network, publishing: [port]).attachment
            // The machine's containers died without DEL, their reservations with them.
            try site.host.waitUntilGone(try old.hostInterface())
            try site.host.forgetReservations()
            let new = try site.host.pod("new", on: network, publishing: [port])
            #expect(try new.address(.v4) == old.address(.v4) && new.address(.v6) == old.address(.v6))
            let owned = try Snapshot(of: site.host)

            // The old path may name the new container's namespace by now.
            old.namespacePath = late == .complete ? site.host.path("no-namespace") : ""
            if late == .withoutAnything {
                old.result = nil
                old.ports = []
            }
            try site.host.detach(old)
            #expect(try Snapshot(of: site.host).difference(from: owned) == [])
            for family in AddressFamily.allCases {
                try site.expectServed(new, port: 8080, family)
            }
            try site.host.detach(new)
            #expect(try Snapshot(of: site.host).difference(from: before) == [])
        }

        @Test func `a port of a living container is refused to another, and goes on to answer`() throws {
            let site = try Site()
            let network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
            let other = ContainerNetwork.pods("two", subnet: 89, on: site.host).chaining("portmap")
            let everywhere = PublishedPort(host: 8080, container: 80, transport: .tcp)
            let specific = PublishedPort(host: 8081, container: 80, transport: .tcp, address: Place.host.address(.v4))
            let pod = try site.host.pod("owner", on: network, publishing: [everywhere, specific])
            try site.warmUp(other)
            let before = try Snapshot(of: site.host)

            for (address, port) in [
                (nil, 8080), (Place.host.address(.v4), 8080), (nil, 8081), (Place.host.address(.v4), 8081),
            ] {
                for network in [network, other] {
                    let container = try TestContainer("intruder")
                    let wanted = PublishedPort(host: port, container: 80, transport: .tcp, address: address)
                    var attachment = Attachment(container, to: network, publishing: [wanted])
                    let error = #expect(throws: CNIError.self) { try site.host.attach(&attachment) }
                    #expect(error?.code.rawValue == 105, "\(error)")
                    #expect(error?.message.contains("owner") == true && error?.message.contains("\(port)") == true)
                    try site.host.detach(attachment)
                    #expect(try Snapshot(of: site.host).difference(from: before) == [])
                }
            }
            for family in AddressFamily.allCases { try site.expectServed(pod, port: 8080, family) }
            try site.expectServed(pod, port: 8081, .v4)
        }

        @Test(arguments: AddressFamily.allCases)
        func `GC removes what is stale of its network and nothing else`(_ family: AddressFamily) throws {
            let site = try Site()
            let network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
                .speaking("1.1.0")
            let other = ContainerNetwork.pods("two", subnet: 89, on: site.host).chaining("portmap").speaking("1.1.0")
            try site.warmUp(network)
            func port(_ number: Int) -> [PublishedPort] {
                Transport.allCases.map { PublishedPort(host: number, container: 80, transport: $0) }
            }
            let kept = try site.host.pod("kept", on: network, publishing: port(8080))
            let foreign = try site.host.pod("foreign", on: other, publishing: port(8081))
            let before = try Snapshot(of: site.host)
            let stale = try site.host.pod("stale", on: network, publishing: port(8082))
            try site.host.collectGarbage(network, keeping: [kept.attachment])
            let left = try Snapshot(of: site.host).difference(from: before)
            #expect(left.filter { $0.contains("nft ") } == [], "\(stale.container.id)")
            try site.expectServed(kept, port: 8080, family)
            try site.expectServed(foreign, port: 8081, family)
        }
    }
}

/// What a late DEL still knows.
enum LateDeletion: Sendable {
    /// The namespace's path, which is gone, and the previous result.
    case complete
    /// The previous result.
    case withoutNamespace
    /// Names only.
    case withoutAnything
}

/// A container with two interfaces, each with a port of its own: 8080 and 8081.
private struct TwoAttachments {
    let family: AddressFamily
    let site: Site
    let container: TestContainer
    let attachments: [Attachment]
    let way: Combination
    private let empty: Snapshot
    private let withFirst: Snapshot

    init(_ family: AddressFamily, networks names: [String]) throws {
        self.family = family
        way = Combination(family: family, transport: .tcp, bridgeFilter: true)
        let site = try Site()
        self.site = site
        container = try TestContainer("twofold")
        // Linux speaks for an address on any interface; the neighbours would keep the one that goes away.
        for setting in ["arp_ignore=1", "arp_announce=2"] {
            try Command.run("sysctl", "-q", "-w", "net.ipv4.conf.all.\(setting)", in: container.namespace)
        }
        let networks = names.map { name in
            ContainerNetwork.pods(name, subnet: name == "one" ? 88 : 89, on: site.host).chaining("portmap")
        }
        for network in networks { try site.warmUp(network) }
        empty = try Snapshot(of: site.host)
        let first = try site.host.attach(
            container,
            to: networks[0],
            interface: "eth0",
            publishing: [way.port(8080, to: 80)]
        )
        withFirst = try Snapshot(of: site.host)
        let second = try site.host.attach(
            container,
            to: networks[1],
            interface: "eth1",
            publishing: [way.port(8081, to: 80)]
        )
        attachments = [first, second]
    }

    /// Removes one attachment, expects the other to work, and then removes that.
    func removeInTurn(_ first: Int) throws {
        let both = try Snapshot(of: site.host)
        let rest = attachments[1 - first]
        let service = try way.service("twofold", port: 80, in: container.namespace)
        let outside = try way.service("outside", port: 9000, in: site.outside.namespace)
        for port in [8080, 8081] {
            let contact = try call(port, service)
            #expect(contact?.service == "twofold", "port \(port) before the DEL")
        }
        let conversation = try way.open(
            Place.host.address(family),
            UInt16(8081 - first),
            from: site.outside.namespace,
            among: [service]
        )

        try site.host.detach(attachments[first])
        // The default route may have gone with the interface.
        let gateway = rest.network.name == "one" ? "10.88.0.1" : "10.89.0.1"
        let gateway6 = rest.network.name == "one" ? "fd00:88::1" : "fd00:89::1"
        for (version, address) in [("-4", gateway), ("-6", gateway6)] {
            try Command.run(
                "ip",
                version,
                "route",
                "replace",
                "default",
                "via",
                address,
                "dev",
                rest.interface,
                in: container.namespace
            )
        }
        let left = try Snapshot(of: site.host)
        let own = both.lines.subtracting(withFirst.lines)
        #expect(left.lines.isSubset(of: both.lines), "\(left.difference(from: both))")
        if first == 0 {
            #expect(own.subtracting(left.lines) == [], "of the second attachment")
        } else {
            #expect(left.difference(from: withFirst) == [])
        }
        #expect(conversation?.goesOn() == true, "a conversation with the other interface")
        #expect(try call(8081 - first, service)?.service == "twofold", "the other's port")
        #expect(try call(8080 + first, service) == nil, "its own port")
        let outward = try way.call(
            Place.outside.address(family),
            9000,
            from: container.namespace,
            among: [outside]
        )
        #expect(outward == Contact("outside", saw: Place.host.address(family)), "masqueraded")

        try site.host.detach(rest)
        #expect(try Snapshot(of: site.host).difference(from: empty) == [])
    }

    private func call(_ port: Int, _ service: Service) throws -> Contact? {
        try way.call(Place.host.address(family), UInt16(port), from: site.outside.namespace, among: [service])
    }
}
