// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// A node that was switched back: other plugins removed containers that ours attached.
    @Suite(.requiresProducts("bridge", "host-local", "portmap", "firewall", "cnitool"), .requiresPrograms("nft"))
    struct Prune {
        private let host: TestHost

        init() throws { host = try TestHost() }

        @Test func `what the dead leave is pruned with their networks' chains, and nothing of the living`() throws {
            // As Docker has it: the firewall puts a rule into a chain that is not ours.
            try host.run("nft", "add table ip filter")
            try host.run("nft", "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }")
            let foreign = try ruleset()
            let living = try PrunableAttachment("living", network: "pods", subnet: 91, port: 8090, on: host)
            let before = try ruleset()
            let dead = try PrunableAttachment("dead", network: "pods", subnet: 91, port: 8080, on: host)
            let alone = try PrunableAttachment("alone", network: "others", subnet: 92, port: 8070, on: host)
            let full = try ruleset()
            // All are alive.
            #expect(try host.prune() == [])
            #expect(try ruleset() == full)

            try dead.removeLinkAndReservations(on: host)
            try alone.removeLinkAndReservations(on: host)
            let expected = [alone, dead].map { "\($0.network)/eth0/\($0.container.id)" }
            #expect(try host.prune("--dry-run") == expected)
            #expect(try ruleset() == full)
            #expect(try host.prune() == expected)
            #expect(try ruleset() == before)
            #expect(try host.prune() == [])
            #expect(try ruleset() == before)
            #expect(before.contains { $0.contains("CNI-FORWARD") })
            // What is left works on.
            for plugin in ["bridge", "portmap", "firewall"] { try host.succeed(living.request(plugin), verb: "CHECK") }

            // With the last goes what the firewall put into the foreign chain.
            try living.removeLinkAndReservations(on: host)
            #expect(try host.prune() == ["pods/eth0/living"])
            let rest = try ruleset()
            #expect(!rest.contains { $0.contains("CNI-") || $0.contains("living") || $0.contains("isolated cni-") })
            #expect(foreign.allSatisfy(rest.contains))
        }

        @Test func `a link, a reservation or a cached result each keep an attachment`() throws {
            let pod = try PrunableAttachment("pod", network: "pods", subnet: 93, port: 8080, on: host)
            try pod.removeReservations(on: host)
            #expect(try host.prune() == [], "by its link's name")
            try host.run("ip", "link", "set", pod.hostInterface, "down")
            try host.run("ip", "link", "set", pod.hostInterface, "name", "renamed0")
            #expect(try host.prune() == [], "by its link's number")
            try host.run("ip", "link", "delete", "renamed0")
            #expect(try host.prune("--dry-run").count == 1)

            let reservation = "\(host.dataDirectory)/pods/10.93.0.9"
            for holder in ["pod\r\neth0", "pod"] {
                try File.replace(reservation, with: Array(holder.utf8))
                #expect(try host.prune("--dry-run") == [], "by the reservation of \(holder)")
            }
            for holder in ["pod\r\neth1", "other\r\neth0", ""] {
                try File.replace(reservation, with: Array(holder.utf8))
                #expect(try host.prune("--dry-run").count == 1, "by the reservation of \(holder)")
            }
            try File.remove(reservation)

            let result = host.path("cache/results/pods-pod-eth0")
            try Directory.create(Path.parent(of: result), mode: 0o700)
            let cached: JSONValue = [
                "kind": "cniCacheV1", "containerId": "pod", "ifName": "eth0", "networkName": "pods", "result": [:],
            ]
            for text in [cached.text(), Array("torn".utf8)] {
                try File.replace(result, with: text)
                #expect(try host.prune() == [], "by its cached result")
            }
            try File.remove(result)
            #expect(try host.prune() == ["pods/eth0/pod"])
        }

        @Test func `without tables, or with a directory that is none, nothing is removed`() throws {
            #expect(try host.prune() == [])
            #expect(throws: (any Error).self) { try host.prune("--data-dir", host.path("missing")) }
        }

        /// The ruleset's lines and elements, in an order of their own.
        private func ruleset() throws -> [String] {
            try host.run("nft", "--stateless", "list", "ruleset")
                .split(whereSeparator: { ",{}\n".contains($0) })
                .map { String($0.drop(while: \.isWhitespace)) }
                .map { $0.hasPrefix("elements =") ? String($0.dropFirst(10).drop(while: \.isWhitespace)) : $0 }
                .map { String($0.reversed().drop(while: \.isWhitespace).reversed()) }
                .filter { !$0.isEmpty }
                .sorted()
        }
    }
}

/// A container behind bridge with `ipMasq` and `macspoofchk`, portmap and firewall: a port for all addresses, one for
/// 127.0.0.1, and a policy.
private struct PrunableAttachment {
    let container: TestContainer
    let network: String
    private let configurations: [String: JSONValue]

    init(_ id: String, network: String, subnet: Int, port: Int64, on host: TestHost) throws {
        container = try TestContainer(id)
        self.network = network
        var bridge =
            Networks.bridge(
                name: network,
                dataDirectory: host.dataDirectory,
                ranges: [Networks.range("10.\(subnet).0.0/24"), Networks.range("fd00:\(subnet)::/64")]
            ).object ?? JSONObject()
        bridge["ipMasq"] = true
        bridge["macspoofchk"] = true
        let added = try host.add(PluginRequest("bridge", .object(bridge), container))
        bridge["prevResult"] = added.result.value
        let portmap: JSONValue = [
            "cniVersion": "1.0.0", "name": .string(network), "type": "portmap", "prevResult": added.result.value,
            "runtimeConfig": [
                "portMappings": [
                    ["hostPort": .integer(port), "containerPort": 80, "protocol": "tcp"],
                    ["hostPort": .integer(port + 1), "containerPort": 81, "protocol": "udp", "hostIP": "127.0.0.1"],
                ]
            ],
        ]
        let firewall: JSONValue = [
            "cniVersion": "1.0.0", "name": .string(network), "type": "firewall", "prevResult": added.result.value,
            "ingressPolicy": "isolated",
        ]
        configurations = ["bridge": .object(bridge), "portmap": portmap, "firewall": firewall]
        _ = try host.add(request("portmap"))
        _ = try host.add(request("firewall"))
    }

    var hostInterface: String {
        AttachmentIdentity(network: network, attachment: AttachmentID(containerID: container.id, interfaceName: "eth0"))
            .hostInterfaceName
    }

    func request(_ plugin: String) -> PluginRequest {
        PluginRequest(plugin, configurations[plugin] ?? .null, container)
    }

    /// What another bridge's DEL does.
    func removeLinkAndReservations(on host: TestHost) throws {
        try host.run("ip", "link", "delete", hostInterface)
        try removeReservations(on: host)
    }

    func removeReservations(on host: TestHost) throws {
        let directory = "\(host.dataDirectory)/\(network)"
        for name in try Directory.names(in: directory) where name.hasPrefix("10.") || name.hasPrefix("fd00") {
            let text = String(decoding: try File.contents(of: "\(directory)/\(name)"), as: UTF8.self)
            if text.hasPrefix("\(container.id)\r\n") { try File.remove("\(directory)/\(name)") }
        }
    }
}
