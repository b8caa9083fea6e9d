// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import ForeignForwarding
internal import IPAddresses
internal import NFTables
internal import Netlink

/// What lets accepted packets pass the `FORWARD` chains that iptables keeps in nf_tables: see `ForeignForwardChain`.
///
/// In front of the rule that accepts the mark comes a jump to the administrator's chain.
struct ForeignForwardRules {
    private static let user = "CNI firewall plugin"

    private let ruleset: OwnedRuleset

    /// The foreign chains beside a ruleset.
    init(_ ruleset: OwnedRuleset) { self.ruleset = ruleset }

    /// Puts in what is missing, where there are such chains.
    func ensure(_ configuration: FirewallConfiguration) throws(CNIError) {
        for family in AddressFamily.allCases where try isMissing(configuration, family) {
            try ruleset.settle(ForeignForwardChain.table(family)) { (transaction) throws(CNIError) in
                try kernel { () throws(NetlinkError) in try appendMissing(configuration, family, to: &transaction) }
            }
        }
    }

    /// The table in which something is missing; nil when all is there, or no such table.
    func difference(_ configuration: FirewallConfiguration) throws(CNIError) -> String? {
        for family in AddressFamily.allCases where try isMissing(configuration, family) {
            let chain = ForeignForwardChain.name
            return "table \(ForeignForwardChain.table(family)): FORWARD does not lead to \(chain), or that does not "
                + "accept the mark"
        }
        return nil
    }

    private func isMissing(_ configuration: FirewallConfiguration, _ family: AddressFamily) throws(CNIError) -> Bool {
        try kernel { () throws(NetlinkError) in
            var transaction = Transaction()
            try appendMissing(configuration, family, to: &transaction)
            return !transaction.isEmpty
        }
    }

    private func appendMissing(
        _ configuration: FirewallConfiguration,
        _ family: AddressFamily,
        to transaction: inout Transaction
    ) throws(NetlinkError) {
        let acceptance = ForwardAcceptance(
            user: Self.user,
            markBit: configuration.markBit,
            adminChain: configuration.adminChain,
            place: .first,
            // Each network may have a bit of its own.
            isOnly: false
        )
        try ForeignForwardChain.read(family, ruleset.socket).appendMissing(acceptance, ruleset.socket, to: &transaction)
    }

    /// Takes out what was put in; where others put rules into the chain, or lead to it from elsewhere, it stays.
    func appendRemoval(to transaction: inout Transaction) throws(NetlinkError) {
        for family in AddressFamily.allCases {
            try ForeignForwardChain.read(family, ruleset.socket)
                .appendRemoval(of: Self.user, ruleset.socket, to: &transaction)
        }
    }
}
