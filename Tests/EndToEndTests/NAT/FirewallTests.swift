// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// The `firewall` plugin behind `bridge` and `portmap`, on hosts that drop what nobody granted.
    @Suite(
        .requiresProducts("bridge", "host-local", "portmap", "firewall"),
        .requiresPrograms("nft", "iptables", "ip6tables", "iptables-save", "iptables-restore")
    )
    struct Firewall {
        @Test(arguments: Combination.all, ForeignRules.dropping)
        func `where FORWARD drops, pods go out and are reached by their ports, and nothing else passes`(
            _ way: Combination,
            _ rules: ForeignRules
        ) throws {
            let scene = try FirewallScene(way, rules)
            try scene.expectGranted()
            try scene.expectRefused()
        }

        @Test(arguments: Combination.all)
        func `where nothing drops, everything passes`(_ way: Combination) throws {
            let scene = try FirewallScene(way, nil)
            try scene.expectGranted()
            let transit = try scene.transit(within: .seconds(2))
            #expect(transit == Contact("upstream", saw: Place.outside.address(way.family)))
        }

        @Test(arguments: Combination.all.filter { $0.transport == .tcp }, ForeignRules.dropping)
        func `iptables reads the rules, and restoring what it saved opens and closes nothing`(
            _ way: Combination,
            _ rules: ForeignRules
        ) throws {
            let scene = try FirewallScene(way, rules)
            for program in ["iptables", "ip6tables"] { try IPTables.run([program, "-S"], on: scene.site.host) }
            let conversation = try scene.open()
            for round in 1...2 {
                try IPTables.saveAndRestore(on: scene.site.host)
                #expect(conversation?.goesOn() == true, "round \(round)")
                try scene.expectGranted()
                try scene.expectRefused()
            }
            // What comes after is granted as well.
            let late = try scene.site.host.pod("late", on: scene.first.attachment.network)
            #expect(try scene.outward(from: late) == Contact("outside", saw: Place.host.address(way.family)))
            try scene.site.host.detach(late)
            try scene.expectGranted()
        }

        @Test(arguments: ForeignRules.dropping)
        func `DEL of the last container leaves iptables as it was`(_ rules: ForeignRules) throws {
            let site = try Site()
            try rules.apply(to: site.host)
            let before = try IPTables.rules(on: site.host)
            let network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
                .chaining("firewall")
            try site.warmUp(network)
            let warm = try Snapshot(of: site.host)
            #expect(try IPTables.rules(on: site.host) == before)
            let first = try site.host.pod("first", on: network)
            let second = try site.host.pod("second", on: network)
            try site.host.check(first.attachment)
            try site.host.detach(first)
            let way = Combination(family: .v4, transport: .tcp, bridgeFilter: true)
            let outside = try way.service("outside", port: 9000, in: site.outside.namespace)
            let target = Place.outside.address(.v4)
            #expect(try way.call(target, 9000, from: second.container.namespace, among: [outside]) != nil)
            try site.host.detach(second)
            #expect(try IPTables.rules(on: site.host) == before)
            #expect(try Snapshot(of: site.host).difference(from: warm) == [])
        }

        @Test(arguments: AddressFamily.allCases)
        func `a DEL without namespace and result takes back what was granted`(_ family: AddressFamily) throws {
            let way = Combination(family: family, transport: .tcp, bridgeFilter: true)
            let scene = try FirewallScene(way, .dropPolicy)
            var gone = scene.first.attachment
            gone.namespacePath = ""
            gone.result = nil
            guard let index = gone.network.index(of: "firewall") else { return }
            try scene.site.host.succeed(gone.request(index, verb: "DEL", previousResult: nil), verb: "DEL")
            #expect(try scene.outward(from: scene.first, within: .patienceForSilence) == nil, "the removed one")
            #expect(try scene.outward(from: scene.second) != nil, "another on the network")
        }
    }
}

/// A host with its own ideas of what may be forwarded, and three pods with `firewall` on two networks.
struct FirewallScene {
    let way: Combination
    let site: Site
    /// Publishes 8080.
    let first: Pod
    /// On the same network.
    let second: Pod
    /// On another network.
    let third: Pod
    private let services: [Service]
    private let outside: Service
    private let upstream: Service

    /// Makes the host, its rules, and then the pods.
    init(_ way: Combination, _ rules: ForeignRules?, ingressPolicy policy: String? = nil) throws {
        self.way = way
        site = try Site(bridgeFilter: way.bridgeFilter)
        try rules?.apply(to: site.host)
        let keys: [(String, JSONValue)] = policy.map { [("ingressPolicy", .string($0))] } ?? []
        let network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
            .chaining("firewall", keys)
        let other = ContainerNetwork.pods("two", subnet: 89, on: site.host).chaining("firewall", keys)
        first = try site.host.pod("first", on: network, publishing: [way.port(8080, to: 80)])
        second = try site.host.pod("second", on: network)
        third = try site.host.pod("third", on: other)
        services = try [first, second, third].map {
            try way.service($0.container.id, port: 80, in: $0.container.namespace)
        }
        outside = try way.service("outside", port: 9000, in: site.outside.namespace)
        upstream = try way.service("upstream", port: 9000, in: site.upstream.namespace)
        try site.routeBetweenNeighbors()
        for subnet: IPPrefix in ["10.88.0.0/24", "10.89.0.0/24", "fd00:88::/64", "fd00:89::/64"] {
            try site.routeFromNeighbors(to: subnet)
        }
    }

    /// Expects what the plugin grants to pass.
    func expectGranted() throws {
        let host = Place.host.address(way.family)
        for pod in [first, second, third] {
            #expect(try outward(from: pod) == Contact("outside", saw: host), "\(pod.container.id) to outside")
            #expect(try fromHost(to: pod)?.service == pod.container.id, "the host to \(pod.container.id)")
        }
        #expect(try open()?.contact == Contact("first", saw: Place.outside.address(way.family)), "a published port")
        #expect(try inward(from: second, to: first)?.service == "first", "on the same bridge")
        #expect(try inward(from: third, to: first)?.service == "first", "from another network")
        #expect(try inward(from: first, to: third)?.service == "third", "to another network")
    }

    /// Expects what nobody granted to be dropped.
    func expectRefused() throws {
        #expect(try transit(within: .patienceForSilence) == nil, "through the host")
        for pod in [first, third] {
            let direct = try way.call(
                try pod.address(way.family),
                80,
                from: site.outside.namespace,
                among: services,
                within: .patienceForSilence
            )
            #expect(direct == nil, "from outside to the address of \(pod.container.id)")
        }
    }

    /// Calls the published port from outside.
    func open(within patience: Duration = .seconds(2)) throws -> Conversation? {
        try way.open(
            Place.host.address(way.family),
            8080,
            from: site.outside.namespace,
            among: services,
            within: patience
        )
    }

    /// Calls the outside from a pod.
    func outward(from pod: Pod, within patience: Duration = .seconds(2)) throws -> Contact? {
        let target = Place.outside.address(way.family)
        return try way.call(target, 9000, from: pod.container.namespace, among: [outside], within: patience)
    }

    /// Calls a pod from a pod.
    func inward(from pod: Pod, to other: Pod, within patience: Duration = .seconds(2)) throws -> Contact? {
        let target = try other.address(way.family)
        return try way.call(target, 80, from: pod.container.namespace, among: services, within: patience)
    }

    /// Calls a pod from the host.
    func fromHost(to pod: Pod) throws -> Contact? {
        try way.call(try pod.address(way.family), 80, from: site.host.namespace, among: services)
    }

    /// Calls one neighbour from the other.
    func transit(within patience: Duration) throws -> Contact? {
        let target = Place.upstream.address(way.family)
        return try way.call(target, 9000, from: site.outside.namespace, among: [upstream], within: patience)
    }
}
