// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxTesting
import Testing

extension EndToEnd {
    /// `ingressPolicy` of `firewall`.
    @Suite(
        .requiresProducts("bridge", "host-local", "portmap", "firewall"),
        .requiresPrograms("nft", "iptables", "ip6tables")
    )
    struct IngressPolicy {
        /// Hosts without rules, and with such as drop.
        static var hosts: [ForeignRules?] { [nil, .docker] }

        @Test(arguments: Combination.all, hosts)
        func `same-bridge keeps networks apart and leaves the rest`(
            _ way: Combination,
            _ rules: ForeignRules?
        ) throws {
            let scene = try FirewallScene(way, rules, ingressPolicy: "same-bridge")
            #expect(try scene.inward(from: scene.second, to: scene.first)?.service == "first", "on the same bridge")
            #expect(try scene.inward(from: scene.first, to: scene.second)?.service == "second", "on the same bridge")
            try expectApart(scene)
            try expectServed(scene)
        }

        @Test(arguments: Combination.all, hosts)
        func `isolated keeps all containers apart and leaves the rest`(
            _ way: Combination,
            _ rules: ForeignRules?
        ) throws {
            let scene = try FirewallScene(way, rules, ingressPolicy: "isolated")
            for (source, target) in [(scene.second, scene.first), (scene.first, scene.second)] {
                let contact = try scene.inward(from: source, to: target, within: .patienceForSilence)
                #expect(contact == nil, "\(source.container.id) to \(target.container.id)")
            }
            try expectApart(scene)
            try expectServed(scene)
        }

        @Test(arguments: ["same-bridge", "isolated"], AddressFamily.allCases)
        func `a policy goes with the last attachment of its network`(
            _ policy: String,
            _ family: AddressFamily
        ) throws {
            let way = Combination(family: family, transport: .tcp, bridgeFilter: true)
            let site = try Site()
            let open = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("firewall")
            let strict = open.setting([("ingressPolicy", .string(policy))], of: "firewall")
            try site.warmUp(open)
            try site.warmUp(strict)
            let before = try Snapshot(of: site.host)
            let first = try site.host.pod("first", on: strict)
            let second = try site.host.pod("second", on: strict)
            for pod in [first, second] { try site.host.detach(pod) }
            #expect(try Snapshot(of: site.host).difference(from: before) == [])

            let third = try site.host.pod("third", on: open)
            let fourth = try site.host.pod("fourth", on: open)
            let service = try way.service("fourth", port: 80, in: fourth.container.namespace)
            let target = try fourth.address(family)
            #expect(try way.call(target, 80, from: third.container.namespace, among: [service]) != nil)
        }

        /// Expects that no packet passes between the two networks.
        private func expectApart(_ scene: FirewallScene) throws {
            for (source, target) in [(scene.first, scene.third), (scene.third, scene.first)] {
                let contact = try scene.inward(from: source, to: target, within: .patienceForSilence)
                #expect(contact == nil, "\(source.container.id) to \(target.container.id)")
            }
        }

        /// Expects that the outside and the host are as reachable as ever.
        private func expectServed(_ scene: FirewallScene) throws {
            for pod in [scene.first, scene.second, scene.third] {
                let outward = try scene.outward(from: pod)
                #expect(outward?.service == "outside", "\(pod.container.id) to outside")
                #expect(try scene.fromHost(to: pod)?.service == pod.container.id, "the host to \(pod.container.id)")
            }
            #expect(try scene.open()?.contact.service == "first", "a published port")
        }
    }
}
