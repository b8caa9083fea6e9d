// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxTesting
import Testing

extension EndToEnd {
    /// Containers that the reference attached, and that ours detach: a node whose plugins were exchanged meanwhile.
    @Suite(.requiresProducts("bridge", "firewall", "host-local", "portmap"), .requiresReference)
    struct Migration {
        private let site: Site
        private let network: ContainerNetwork

        init() throws {
            site = try Site()
            network = ContainerNetwork.pods("one", subnet: 88, on: site.host, extra: [("macspoofchk", true)])
                .chaining("portmap", [("snat", true)]).chaining("firewall", [("backend", "iptables")])
        }

        /// Has the reference attach a container that publishes a port.
        private func attach(_ id: String, port: Int) throws -> Pod {
            let container = try TestContainer(id)
            let ports = [Transport.tcp, .udp].map { PublishedPort(host: port, container: 80, transport: $0) }
            var attachment = Attachment(container, to: network, publishing: ports)
            attachment.directory = BuiltProducts.reference
            try site.host.attach(&attachment)
            return Pod(container: container, attachment: attachment)
        }

        /// What iptables shows, without dates.
        private func rules() throws -> [Substring] {
            try site.host.run("sh", "-ec", "iptables-save; ip6tables-save").split(separator: "\n")
                .filter { !$0.hasPrefix("#") }
        }

        @Test(arguments: [true, false])
        func `a container of the reference goes without a trace, and its neighbours stay`(
            hasNamespace: Bool
        ) throws {
            // The reference's warm-up leaves what it leaves behind after each DEL.
            try site.host.detach(try attach("warm-up", port: 8000))
            let neighbour = try attach("neighbour", port: 8001)
            let before = try (Snapshot(of: site.host), rules())

            let migrant = try attach("migrant", port: 8002)
            defer { withExtendedLifetime(migrant) {} }
            var attachment = migrant.attachment
            try #require(try rules().contains { $0.contains("migrant") })
            attachment.directory = nil
            if !hasNamespace { attachment.namespacePath = "" }
            for attempt in ["first", "second"] {
                try site.host.detach(attachment)
                #expect(try Snapshot(of: site.host).difference(from: before.0) == [], "\(attempt) DEL")
                #expect(try rules() == before.1, "\(attempt) DEL")
            }
            try site.expectServed(neighbour, port: 8001, .v4)
            try site.expectServed(neighbour, port: 8001, .v6)
        }

        @Test(arguments: AddressFamily.allCases, [false, true])
        func `a node is switched there and back under traffic, and prune removes what is left of ours`(
            _ family: AddressFamily,
            hasNamespace: Bool
        ) throws {
            try site.warmUp(network)
            // The reference's last: it leaves chains that ours would remove with its own.
            try site.host.detach(try attach("warm-up", port: 8000))
            let before = try (Snapshot(of: site.host), rules())
            // A container of each suite lives through everything.
            let old = try Witness(of: try attach("old", port: 8001), port: 8001, family, site)
            let ports = [Transport.tcp, .udp].map { PublishedPort(host: 8002, container: 80, transport: $0) }
            var ours: Witness? = try Witness(
                of: try site.host.pod("ours", on: network, publishing: ports),
                port: 8002,
                family,
                site
            )
            let both = try Snapshot(of: site.host)
            for witness in [old, ours] { try witness?.expectUndisturbed() }

            // Each suite attaches and detaches beside it.
            try site.host.detach(try site.host.pod("another", on: network, publishing: [passing]))
            for witness in [old, ours] { try witness?.expectUndisturbed() }
            try site.host.detach(try attach("another-of-the-reference", port: 8003))
            for witness in [old, ours] { try witness?.expectUndisturbed() }
            #expect(try Snapshot(of: site.host).difference(from: both) == [])
            #expect(try site.host.prune("--dry-run") == [])

            // The node is switched back: the reference's DEL handles the container of ours.
            var attachment = try #require(ours).pod.attachment
            attachment.directory = BuiltProducts.reference
            if !hasNamespace {
                attachment.namespacePath = ""
                ours = nil
                try site.host.waitUntilGone(attachment.hostInterface())
            }
            try detachAsRuntime(attachment)
            withExtendedLifetime(ours) {}
            try old.expectUndisturbed()
            let left = try Snapshot(of: site.host).difference(from: both).filter { $0.hasPrefix("+") }
            #expect(left == [], "the reference's DEL adds nothing")
            #expect(try site.host.prune() == ["one/eth0/ours"])
            #expect(try site.host.prune() == [])
            try old.expectUndisturbed()
            var rest = old.pod.attachment
            rest.directory = nil
            try site.host.detach(rest)
            withExtendedLifetime(old) {}
            try site.host.expectNothingLeft(since: before.0, "after all")
            #expect(try rules() == before.1)
        }

        private var passing: PublishedPort { PublishedPort(host: 8004, container: 80, transport: .tcp) }

        /// Sends the reference's DEL as a runtime does: again when it failed.
        ///
        /// Version 1.1.1 stops at its first look for an iptables chain that ours never made, and by then the link is gone;
        /// asked again, it has nothing to look for.
        private func detachAsRuntime(_ attachment: Attachment) throws {
            do { try site.host.detach(attachment) } catch { try site.host.detach(attachment) }
        }
    }
}

/// A container that talks to the outside in both directions the whole time.
private struct Witness {
    let pod: Pod
    private let port: UInt16
    private let family: AddressFamily
    private let site: Site
    private let conversations: [Conversation]

    init(of pod: Pod, port: UInt16, _ family: AddressFamily, _ site: Site) throws {
        self.pod = pod
        self.port = port
        self.family = family
        self.site = site
        let way = Combination(family: family, transport: .tcp, bridgeFilter: true)
        let published = try way.service("published", port: 80, in: pod.container.namespace)
        let neighbor = try way.service("outside", port: 9000 + port, in: site.outside.namespace)
        let host = Place.host.address(family)
        let outside = Place.outside.address(family)
        conversations = [
            try #require(try way.open(host, port, from: site.outside.namespace, among: [published])),
            try #require(try way.open(outside, 9000 + port, from: pod.container.namespace, among: [neighbor])),
        ]
        try #require(conversations.map(\.contact.source) == [outside, host])
    }

    /// Expects that the connections of the beginning work, and new ones.
    func expectUndisturbed(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let id = pod.container.id
        #expect(conversations.allSatisfy { $0.goesOn() }, "connections of \(id)", sourceLocation: sourceLocation)
        try site.expectServed(pod, port: port, family, sourceLocation: sourceLocation)
    }
}
