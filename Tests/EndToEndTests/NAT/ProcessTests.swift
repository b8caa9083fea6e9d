// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Which programs run for a container.
    @Suite(
        .requiresProducts("bridge", "firewall", "host-local", "portmap"),
        .requiresPrograms("strace", "nft", "iptables")
    )
    struct Processes {
        private let site: Site
        private let network: ContainerNetwork

        init() throws {
            site = try Site()
            network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap").chaining("firewall")
            // Rules of iptables are read and written as well.
            try IPTables.run(["iptables", "-P", "FORWARD", "DROP"], on: site.host)
        }

        @Test func `masquerading, publishing and the firewall execute nothing but the plugins`() throws {
            try site.warmUp(network)
            let before = try Snapshot(of: site.host)
            let container = try TestContainer("traced")
            let ports = Transport.allCases.map { PublishedPort(host: 8001, container: 80, transport: $0) }
            var attachment = Attachment(container, to: network, publishing: ports)
            var executed: [String] = []
            for index in network.plugins.indices {
                let request = attachment.request(index, verb: "ADD", previousResult: attachment.result)
                let (answer, names) = try trace(request)
                executed += names
                guard case .document(let result) = answer else { throw TestFailure("\(answer)") }
                attachment.result = result
            }
            #expect(executed == ["bridge", "host-local", "portmap", "firewall"], "by ADD")
            executed = []
            for index in network.plugins.indices.reversed() {
                let request = attachment.request(index, verb: "DEL", previousResult: attachment.result)
                let (answer, names) = try trace(request)
                executed += names
                #expect(answer.error == nil)
            }
            #expect(executed == ["firewall", "portmap", "bridge", "host-local"], "by DEL")
            try site.host.expectNothingLeft(since: before, "after DEL")
        }

        @Test(.requiresReference) func `the same count shows what the reference's masquerading executes`() throws {
            let bridge = ContainerNetwork.pods("two", subnet: 89, on: site.host)
            var attachment = Attachment(try TestContainer("reference"), to: bridge)
            attachment.directory = BuiltProducts.reference
            let (answer, names) = try trace(attachment.request(0, verb: "ADD", previousResult: nil))
            #expect(answer.error == nil)
            #expect(names.contains { $0.hasPrefix("iptables") || $0.hasPrefix("ip6tables") }, "\(names)")
        }

        /// Runs a plugin under strace and returns the names of what it and its children executed.
        private func trace(_ request: PluginRequest) throws -> (Answer, [String]) {
            var process = site.host.process(for: request)
            let log = site.host.path("execve")
            process.arguments = ["-f", "-qq", "-z", "-e", "trace=execve,execveat", "-o", log, process.path]
            process.path = "/usr/bin/strace"
            let outcome = try site.host.namespace.run { Result { try process.run(deadlineMilliseconds: 30_000) } }.get()
            let lines = String(decoding: try File.contents(of: log), as: UTF8.self).split(separator: "\n")
            // 4711  execve("/opt/cni/bin/bridge", ["bridge"], 0x7ffd /* 8 vars */) = 0
            let names = lines.compactMap { line -> String? in
                let parts = line.split(separator: "\"")
                guard line.contains("execve"), parts.count > 1 else { return nil }
                return parts[1].split(separator: "/").last.map(String.init)
            }
            return (try Answer(outcome, to: request.verb), names)
        }
    }
}
