// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import LinuxSystem
internal import Netlink

/// What a run of the ``TrafficRuleKeeper`` did.
public struct TrafficRuleReport: Hashable, Sendable {
    /// A part of the work that can be done without.
    public enum Part: Hashable, Sendable {
        /// What lets packets of a family pass iptables' `FORWARD`.
        case foreignForwardChain(AddressFamily)
        /// The removal of what flannel left.
        case leftovers
    }

    /// A part that did not come about; the others did.
    public struct Failure: Hashable, Sendable, CustomStringConvertible {
        /// The part.
        public let part: Part
        /// What the kernel said.
        public let number: ErrorNumber
        /// What was tried, what the kernel said, and what may help.
        public let description: String
    }

    /// How many changes of each kind were made.
    public internal(set) var repairs: [Change.Kind: Int] = [:]
    /// The parts that did not come about.
    public internal(set) var failures: [Failure] = []
    /// The families whose packets iptables' `FORWARD` may drop, and which are marked to pass.
    public internal(set) var forwardingFamilies: [AddressFamily] = []
    /// Whether there are tables of iptables-legacy on this node; looked for when leftovers are removed.
    ///
    /// What flannel left in them stays, and where their `FORWARD` drops, packets do not pass.
    public internal(set) var hasLegacyTables = false
    /// How many changes were sent to the kernel.
    public internal(set) var stepCount = 0

    init() {}

    /// Whether the kernel held already what is desired.
    public var isUnchanged: Bool { repairs.isEmpty && failures.isEmpty && stepCount == 0 }
}

extension Change.Kind {
    /// The table of traffic rules was made, or made anew.
    public static var ruleTableAdded: Change.Kind { Change.Kind(rawValue: "rule_table_added") }
    /// The table of traffic rules was removed.
    public static var ruleTableRemoved: Change.Kind { Change.Kind(rawValue: "rule_table_removed") }
    /// A chain of traffic rules was added.
    public static var ruleChainAdded: Change.Kind { Change.Kind(rawValue: "rule_chain_added") }
    /// A chain got other rules, another policy, or its place.
    public static var ruleChainChanged: Change.Kind { Change.Kind(rawValue: "rule_chain_changed") }
    /// A chain that does not belong into the table was removed.
    public static var ruleChainRemoved: Change.Kind { Change.Kind(rawValue: "rule_chain_removed") }
    /// A set that does not belong into the table was removed.
    public static var ruleSetRemoved: Change.Kind { Change.Kind(rawValue: "rule_set_removed") }
    /// What lets packets pass iptables' `FORWARD` was put in or mended.
    public static var forwardAcceptanceSet: Change.Kind { Change.Kind(rawValue: "forward_acceptance_set") }
    /// What let packets pass iptables' `FORWARD` was taken out.
    public static var forwardAcceptanceRemoved: Change.Kind { Change.Kind(rawValue: "forward_acceptance_removed") }
    /// A table or chain that flannel left was removed.
    public static var flannelLeftoverRemoved: Change.Kind { Change.Kind(rawValue: "flannel_leftover_removed") }
}
