// swift-cni, SPDX-License-Identifier: Apache-2.0

import CProcessControl
import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Plugins that are killed while they change the ruleset.
    @Suite(.requiresProducts("bridge", "firewall", "host-local", "portmap"), .requiresPrograms("nft", "iptables"))
    struct RulesetSuddenDeath {
        /// What a runtime still knows when it sends DEL.
        enum Memory: String, CaseIterable, CustomTestStringConvertible {
            case kept = "with namespace and prevResult"
            case lost = "without namespace and prevResult"

            var testDescription: String { rawValue }
        }

        /// The plugins of the network whose ADD is cut short.
        enum Victim: String, CaseIterable, CustomTestStringConvertible {
            case bridge, portmap, firewall

            var testDescription: String { rawValue }
        }

        private let site: Site
        private let network: ContainerNetwork

        init() throws {
            site = try Site()
            let host = site.host
            network = ContainerNetwork.pods("one", subnet: 88, on: host, extra: [("macspoofchk", true)])
                .chaining("portmap").chaining("firewall", [("ingressPolicy", "isolated")])
            // The firewall's rules are in a foreign chain, too.
            try IPTables.run(["iptables", "-P", "FORWARD", "DROP"], on: host)
            try site.warmUp(network)
        }

        @Test(arguments: Victim.allCases, Memory.allCases)
        func `SIGKILL at any system call of ADD, then DEL, leaves nothing`(
            _ victim: Victim,
            _ memory: Memory
        ) throws {
            let host = site.host
            let container = try TestContainer("killed")
            let ports = [
                PublishedPort(host: 8001, container: 80, transport: .tcp),
                PublishedPort(host: 8002, container: 53, transport: .udp),
                PublishedPort(host: 8003, container: 81, transport: .tcp, address: "192.0.2.1"),
                PublishedPort(host: 8004, container: 82, transport: .tcp, address: "2001:db8:2::1"),
            ]
            var attachment = Attachment(container, to: network, publishing: ports)
            let index = try #require(network.index(of: victim.rawValue))
            // The plugins before the victim have done their part.
            for earlier in 0..<index {
                let request = attachment.request(earlier, verb: "ADD", previousResult: attachment.result)
                attachment.result = try host.add(request).result
            }
            let before = try Snapshot(of: host)
            let add = host.process(for: attachment.request(index, verb: "ADD", previousResult: attachment.result))
            let remove = try removal(of: attachment, index, memory)
            let calls = try host.endAtEachCall(by: SIGKILL) { _ in
                add
            } then: { end in
                let wasKilled = end.report.delivered == 1
                #expect(end.outcome.termination == (wasKilled ? .signalled(SIGKILL) : .exited(0)), "\(end.place)")
                let answer = try host.answer(to: remove)
                #expect(answer.error == nil, "DEL after \(end.place)")
                try host.expectNothingLeft(since: before, "after DEL, \(end.place)")
            }
            print("SIGKILL at each of \(calls - 1) system calls of \(victim.rawValue), DEL \(memory.rawValue)")
            // As many as a plugin needs at the very least; fewer would mean that nothing was killed at all.
            #expect(calls > 40)
        }

        private func removal(of attachment: Attachment, _ index: Int, _ memory: Memory) throws -> PluginRequest {
            switch memory {
            case .kept:
                return attachment.request(index, verb: "DEL", previousResult: attachment.result)
            case .lost:
                return attachment.request(index, verb: "DEL", previousResult: nil).withoutNamespace()
            }
        }
    }
}
