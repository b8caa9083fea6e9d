// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import NFTables
import Overlay
import Testing

/// A namespace whose packet filter is looked after, with what it should hold.
final class RuleHost {
    let namespace: NetworkNamespace
    let keeper: TrafficRuleKeeper
    var rules: TrafficRules

    init(
        families: [AddressFamily] = AddressFamily.allCases,
        masquerades: Bool = true,
        randomizesPorts: Bool = true,
        grantsForwarding: Bool = true
    ) throws {
        let namespace = try NetworkNamespace.temporary()
        rules = TrafficRules(
            own: try Fleet.lease(1, families: families),
            configuration: try Fleet.configuration(families: families),
            masquerades: masquerades,
            randomizesPorts: randomizesPorts,
            grantsForwarding: grantsForwarding
        )
        keeper = try TrafficRuleKeeper.open(in: namespace)
        self.namespace = namespace
    }

    /// Runs the keeper once.
    @discardableResult
    func run(removingLeftovers: Bool = false) throws -> TrafficRuleReport {
        try keeper.run(rules, removingLeftovers: removingLeftovers)
    }

    /// Runs a script of the shell on the host, with the first error as its end.
    @discardableResult
    func script(_ text: String) throws -> String { try Command.run("sh", "-ec", text, in: namespace) }

    /// Has FORWARD drop what nobody grants, with both families.
    func dropForwarded() throws { try script("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP") }

    /// The number of the ruleset's state, which every commit of anybody's raises.
    func generation() throws -> UInt32 { try NFTablesSocket.open(in: namespace).generation() }

    /// All rules as the witnesses write them, without counts; each table's chains in alphabetical order.
    func state() throws -> [String] {
        let iptables = try script("iptables-save; ip6tables-save").split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") }
            // ":FORWARD DROP [12:3456]"
            .map { $0.hasPrefix(":") ? $0.split(separator: " ").dropLast().joined(separator: " ") : $0 }
        return iptables + (try table())
    }

    /// Our table as nft writes it, its chains in alphabetical order; empty when it is not there.
    func table() throws -> [String] {
        let tables = try script("nft list tables").split(separator: "\n")
        guard tables.contains("table inet flannel") else { return [] }
        let lines = try script("nft -s list table inet flannel").split(separator: "\n").map(\.trimmingTabs)
        // What belongs to the table itself, and a block for each thing in it.
        var blocks: [[String]] = [[]]
        for line in lines where line != "}" {
            if ["chain ", "set ", "map ", "counter "].contains(where: line.hasPrefix) && line.hasSuffix("{") {
                blocks.append([])
            }
            blocks[blocks.count - 1].append(line)
        }
        return blocks[0] + blocks.dropFirst().sorted { $0.first ?? "" < $1.first ?? "" }.flatMap { $0 }
    }
}

extension Substring {
    fileprivate var trimmingTabs: String { String(drop { $0 == "\t" }) }
}
