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
            try site.host.detach(try attach("warm-up", port: 8000).attachment)
            let neighbour = try attach("neighbour", port: 8001)
            let before = try (Snapshot(of: site.host), rules())

            var attachment = try attach("migrant", port: 8002).attachment
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
    }
}
