// swift-cni, SPDX-License-Identifier: Apache-2.0

import EtcdTesting
import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting

extension OverlayCluster {
    /// Who has which subnet, as the store says it.
    struct HeldSubnet: Hashable {
        /// The name of the lease: "10.244.1.0-24", with "&" and the subnet of the other family behind it.
        let key: String
        /// The node's identity in the store; nil where the entry cannot be read now.
        let holder: String?
    }

    /// All leases.
    func leases() throws -> [HeldSubnet] {
        if (try? api) != nil { return try leasesInKubernetes() }
        guard let etcd = try? etcd else { return try leasesInDirectory() }
        let prefix = "/coreos.com/network/subnets/"
        var leases: [HeldSubnet] = []
        var key: String?
        for line in try etcd.control("get", "--prefix", prefix, "-w", "fields").split(separator: "\n") {
            if line.hasPrefix("\"Key\" : \"\(prefix)") {
                key = String(line.dropFirst("\"Key\" : \"\(prefix)".count).dropLast()).replacing("\\u0026", with: "&")
            } else if line.hasPrefix("\"Lease\" : "), let name = key.take() {
                leases.append(HeldSubnet(key: name, holder: String(line.dropFirst(10))))
            }
        }
        return leases
    }

    private func leasesInDirectory() throws -> [HeldSubnet] {
        try Directory.names(in: "\(shared)/subnets").filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map {
            name in
            let contents = try? File.contents(of: "\(shared)/subnets/\(name)")
            let document = try? contents.map { JSONNode(try JSONValue(parsing: $0)) }
            return HeldSubnet(key: String(name.dropLast(5)), holder: try? document?["Node"]?.string())
        }
    }

    /// What is wrong with the leases: a node with two, a subnet in two, two nodes that work with one.
    func conflicts() throws -> [String] {
        var conflicts: [String] = []
        let leases = try leases()
        for (holder, held) in Dictionary(grouping: leases, by: \.holder) where holder != nil && held.count > 1 {
            conflicts.append("\(holder ?? "") has \(held.map(\.key))")
        }
        let halves = leases.flatMap { $0.key.split(separator: "&") }
        if Set(halves).count != halves.count { conflicts.append("a subnet is in two leases: \(leases.map(\.key))") }
        let used = nodes.compactMap { try? $0.subnets() }.flatMap { $0.split(separator: " ") }
        if Set(used).count != used.count { conflicts.append("two nodes work with one subnet: \(used)") }
        return conflicts
    }

    /// Waits until each node's lease can be read, all nodes are ready, and all their containers reach each other.
    func waitUntilMended(_ what: String, _ addresses: [PerFamilyAddresses]) throws {
        try nodes[0].wait("after \(what): a lease of each node in the store") {
            try leases().count { $0.holder != nil } >= nodes.count
        }
        try waitUntilConnected(what, addresses)
    }

    /// Waits until all nodes are ready, and all their containers reach each other.
    func waitUntilConnected(_ what: String, _ addresses: [PerFamilyAddresses]) throws {
        for node in nodes {
            let others = addresses.enumerated().filter { $0.offset + 1 != node.number }.flatMap(\.element.all)
            try node.wait("after \(what): being ready") { node.isReady }
            try node.wait("after \(what): all other containers") {
                try node.reachesAll(others, from: "c\(node.number)")
            }
        }
    }
}
