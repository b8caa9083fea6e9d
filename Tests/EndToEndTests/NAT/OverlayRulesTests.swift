// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxTesting
import Overlay
import Testing

extension EndToEnd {
    /// The daemon's traffic rules on a host where the `firewall` plugin attaches containers.
    @Suite(
        .requiresProducts("bridge", "host-local", "portmap", "firewall"),
        .requiresPrograms("nft", "iptables", "ip6tables", "iptables-save")
    )
    struct OverlayRules {
        @Test(arguments: ForeignRules.dropping, [true, false])
        func `share CNI-FORWARD with the firewall plugin, and each takes out only its own`(
            _ rules: ForeignRules,
            isOverlayFirst: Bool
        ) throws {
            let site = try Site()
            try rules.apply(to: site.host)
            let network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
                .chaining("firewall")
            try site.warmUp(network)
            let before = try Self.listing(site.host)
            let keeper = try TrafficRuleKeeper.open(in: site.host.namespace)
            let overlay = TrafficRules(
                scopes: PerFamily(
                    v4: .init(network: "10.244.0.0/16", subnet: "10.244.1.0/24"),
                    v6: .init(network: "fd00:244::/48", subnet: "fd00:244:0:1::/64")
                ),
                masquerades: true
            )
            let way = Combination(family: .v4, transport: .tcp, bridgeFilter: true)
            let outside = try way.service("outside", port: 9000, in: site.outside.namespace)
            func expectServed(_ pod: Pod, _ remark: Comment) throws {
                try site.host.check(pod.attachment)
                let target = Place.outside.address(.v4)
                #expect(try way.call(target, 9000, from: pod.container.namespace, among: [outside]) != nil, remark)
            }

            if isOverlayFirst { #expect(try keeper.run(overlay).repairs[.forwardAcceptanceSet] == 2) }
            let first = try site.host.pod("first", on: network)
            if !isOverlayFirst { #expect(try keeper.run(overlay).repairs[.forwardAcceptanceSet] == 2) }
            try expectServed(first, "both")
            #expect(try keeper.run(overlay).isUnchanged)
            // The plugin's last container leaves the daemon's rule behind.
            try site.host.detach(first)
            #expect(try keeper.run(overlay).isUnchanged)
            #expect(try site.host.run("iptables", "-S", "CNI-FORWARD").contains("flanneld forward mark 0x1000"))
            #expect(try !site.host.run("iptables", "-S", "CNI-FORWARD").contains("firewall plugin mark"))
            let second = try site.host.pod("second", on: network)
            try expectServed(second, "after the first is gone")
            #expect(try keeper.run(overlay).isUnchanged)
            // And the daemon leaves the plugin's.
            #expect(try keeper.remove().repairs == [.ruleTableRemoved: 1, .forwardAcceptanceRemoved: 2])
            try expectServed(second, "without the daemon's")
            try site.host.detach(second)
            #expect(try Self.listing(site.host) == before)
        }

        private static func listing(_ host: TestHost) throws -> [String] {
            try ["iptables-save", "ip6tables-save"].flatMap { program in
                try IPTables.run([program], on: host).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                    line.hasPrefix(":") ? line.split(separator: " ").dropLast().joined(separator: " ") : String(line)
                }
            }
        }
    }
}
