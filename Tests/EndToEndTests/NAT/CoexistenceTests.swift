// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxTesting
import Testing

extension EndToEnd {
    /// Published ports on hosts where others translate and filter, too.
    @Suite(
        .requiresProducts("bridge", "host-local", "portmap", "firewall"),
        .requiresPrograms("nft", "iptables", "ip6tables", "iptables-restore")
    )
    struct Coexistence {
        @Test(arguments: Combination.all, ForeignRules.programs)
        func `published ports and masquerading work beside what others have, and leave it alone`(
            _ way: Combination,
            _ rules: ForeignRules
        ) throws {
            let scene = try Scene(way, rules, isFirst: true)
            let before = rules.own(in: try RulesetListing(of: scene.site.host.namespace))
            #expect(before.count > 4)
            try scene.expectEverything()
            try scene.removeAll()
            #expect(rules.own(in: try RulesetListing(of: scene.site.host.namespace)) == before)
        }

        @Test(arguments: Combination.all.filter { $0.transport == .tcp && $0.bridgeFilter }, ForeignRules.programs)
        func `others may come after the containers`(_ way: Combination, _ rules: ForeignRules) throws {
            let scene = try Scene(way, rules, isFirst: false)
            try scene.expectEverything()
            try scene.removeAll()
        }

        /// A site with others' rules and two containers; the first publishes 8080 and is the service's endpoint.
        struct Scene {
            let way: Combination
            let rules: ForeignRules
            let site: Site
            let published: Pod
            let sibling: Pod
            private let web: Service
            private let outside: Service

            init(_ way: Combination, _ rules: ForeignRules, isFirst: Bool) throws {
                self.way = way
                self.rules = rules
                site = try Site(bridgeFilter: way.bridgeFilter)
                if isFirst { try rules.apply(to: site.host) }
                var network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
                // Docker drops what nobody grants.
                if rules == .docker { network = network.chaining("firewall") }
                published = try site.host.pod("published", on: network, publishing: [way.port(8080, to: 80)])
                sibling = try site.host.pod("sibling", on: network)
                if !isFirst {
                    try rules.apply(to: site.host)
                    // The firewall finds Docker's chains at the next ADD.
                    try site.warmUp(network)
                }
                web = try way.service("web", port: 80, in: published.container.namespace)
                outside = try way.service("outside", port: 9000, in: site.outside.namespace)
            }

            /// Expects ports, masquerading, and others' services.
            func expectEverything() throws {
                let family = way.family
                let host = Place.host.address(family)
                let gateway: IPAddress = family == .v4 ? "10.88.0.1" : "fd00:88::1"
                let fromOutside = try way.call(host, 8080, from: site.outside.namespace, among: [web])
                #expect(fromOutside == Contact("web", saw: Place.outside.address(family)), "from outside")
                #expect(try way.call(host, 8080, from: site.host.namespace, among: [web]) != nil, "from the host")
                if family == .v4 {
                    let localhost = try way.call("127.0.0.1", 8080, from: site.host.namespace, among: [web])
                    #expect(localhost == Contact("web", saw: gateway), "localhost")
                }
                for pod in [published, sibling] {
                    let contact = try way.call(host, 8080, from: pod.container.namespace, among: [web])
                    #expect(contact == Contact("web", saw: gateway), "\(pod.container.id) to the port")
                    let outward = try way.call(
                        Place.outside.address(family),
                        9000,
                        from: pod.container.namespace,
                        among: [outside]
                    )
                    #expect(outward == Contact("outside", saw: host), "\(pod.container.id) to outside")
                }
                if rules.hasService { try expectService(gateway) }
            }

            /// Expects that the service that others have still leads to the container.
            private func expectService(_ gateway: IPAddress) throws {
                let service = ForeignRules.serviceAddress(way.family)
                // The answers of a neighbour on the bridge pass the host's tables only if the bridge's frames do.
                if way.bridgeFilter {
                    let fromSibling = try way.call(service, 80, from: sibling.container.namespace, among: [web])
                    #expect(fromSibling?.service == "web", "a container to the service")
                }
                let fromItself = try way.call(service, 80, from: published.container.namespace, among: [web])
                #expect(fromItself == Contact("web", saw: gateway), "the endpoint to its own service")
                let fromOutside = try way.call(
                    Place.host.address(way.family),
                    ForeignRules.nodePort,
                    from: site.outside.namespace,
                    among: [web]
                )
                #expect(fromOutside == Contact("web", saw: gateway), "outside to the node's port")
            }

            /// Detaches both.
            func removeAll() throws {
                for pod in [published, sibling] { try site.host.detach(pod) }
                let contact = try way.call(
                    Place.host.address(way.family),
                    8080,
                    from: site.outside.namespace,
                    among: [web],
                    within: .patienceForSilence
                )
                #expect(contact == nil)
            }
        }
    }
}
