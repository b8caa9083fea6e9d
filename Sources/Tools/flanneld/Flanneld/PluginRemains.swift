// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import NFTables
internal import Netlink
internal import RouteNetlink

/// What plugins keep on a node for the network's next container, and nobody needs when the network goes: its bridge, and
/// their tables of the packet filter.
struct PluginRemains: ~Copyable {
    private let links: RouteSocket

    /// Opens a socket in the calling thread's namespace.
    static func open() throws(NetlinkError) -> PluginRemains { PluginRemains(links: try .open()) }

    /// Removes the bridges that are gateways of a network, but for those with ports: containers are on them.
    ///
    /// - Returns: All of them, and which are gone.
    borrowing func removeBridges(
        of networks: [IPPrefix]
    ) throws(NetlinkError) -> [(name: String, isRemoved: Bool)] {
        let gateways = Set(
            try links.addresses().filter { address in networks.contains { $0.contains(address.prefix.network) } }
                .map(\.interface)
        )
        let all = try links.links()
        var bridges: [(String, Bool)] = []
        for bridge in all where bridge.kind == "bridge" && gateways.contains(bridge.index) {
            let isFree = !all.contains { $0.masterIndex == bridge.index }
            if isFree { try links.removeLink(bridge.index) }
            bridges.append((bridge.name, isFree))
        }
        return bridges
    }

    /// Removes tables of plugins that hold nothing of any container, of this network or another.
    ///
    /// - Returns: Those that are gone.
    borrowing func removeTables() throws(NetlinkError) -> [Table] {
        let rulesets = try NFTablesSocket.open()
        var removed: [Table] = []
        for table in [Table(.inet, "cni_portmap"), Table(.inet, "cni"), Table(.bridge, "cni")] {
            // A plugin that comes in between is not disturbed: its table is left to it.
            let generation = try rulesets.generation()
            guard try rulesets.table(table) != nil, try isUnused(table, rulesets) else { continue }
            var transaction = Transaction()
            try transaction.delete(table)
            if case .committed = try rulesets.commit(transaction, ifGeneration: generation) { removed.append(table) }
        }
        return removed
    }

    /// Whether all elements are about bridges that are gone; they are kept for as long as those are there.
    private borrowing func isUnused(
        _ table: Table,
        _ rulesets: borrowing NFTablesSocket
    ) throws(NetlinkError) -> Bool {
        let names = Set(try links.links().map(\.name))
        for set in try rulesets.sets(of: table) {
            for element in try rulesets.elements(of: set) {
                guard element.comment == "route_localnet is on", !names.contains(element.interfaceName) else {
                    return false
                }
            }
        }
        return true
    }
}

extension SetElement {
    /// The key as the name of an interface.
    fileprivate var interfaceName: String { String(decoding: key.prefix { $0 != 0 }, as: UTF8.self) }
}
