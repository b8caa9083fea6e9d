// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ContainerNetwork
internal import NFTables

/// The rules of networks with an ingress policy: two or three for each network, none for a container.
///
/// Their comments say all about them, so that a chain can be written anew with one network more or less.
enum IsolationChains {
    /// Packets from such networks.
    static let sources = "isolation"
    /// Packets from such networks to others.
    static let targets = "isolation_targets"

    /// A network's policy on an interface.
    struct Entry: Hashable {
        /// The network's digest.
        let network: String
        /// The policy.
        let policy: FirewallConfiguration.IngressPolicy
        /// The interface on the host.
        let interface: String

        /// The comment of its rules.
        var comment: String { "\(network) \(policy.rawValue) \(interface)" }

        /// Reads a comment.
        init?(_ comment: String) {
            let words = comment.split(separator: " ")
            guard words.count == 3, let policy = FirewallConfiguration.IngressPolicy(rawValue: String(words[1])) else {
                return nil
            }
            self.init(network: String(words[0]), policy: policy, interface: String(words[2]))
        }

        init(network: String, policy: FirewallConfiguration.IngressPolicy, interface: String) {
            self.network = network
            self.policy = policy
            self.interface = interface
        }

        fileprivate var sourceRules: [Rule] {
            let arrives = Statement.inputInterface(.named(interface))
            let leaving = Rule(
                [arrives, .outputInterface(.named(interface), isInverted: true), .verdict(.jump(targets))],
                comment: comment
            )
            guard policy == .isolated else { return [leaving] }
            return [
                Rule([arrives, .outputInterface(.named(interface)), .verdict(.drop)], comment: comment), leaving,
            ]
        }

        fileprivate var targetRules: [Rule] {
            [Rule([.outputInterface(.named(interface)), .verdict(.drop)], comment: comment)]
        }
    }

    /// The chains with a network's policy, which nil takes away.
    static func with(_ entry: Entry?, ofNetwork digest: String) -> [NetworkChain] {
        func entries(_ present: [String]) -> [Entry] {
            var entries: [Entry] = []
            for known in present.compactMap(Entry.init) where known.network != digest && !entries.contains(known) {
                entries.append(known)
            }
            // In the place it had, so that a chain that is right already is seen to be.
            guard let entry else { return entries }
            let place = present.compactMap(Entry.init).filter { $0.network != digest || $0 == entry }
            guard let index = place.firstIndex(of: entry) else { return entries + [entry] }
            entries.insert(entry, at: Set(place[..<index]).count)
            return entries
        }
        return [
            NetworkChain(targets, network: "") { entries($0).flatMap(\.targetRules) },
            NetworkChain(sources, network: "") { entries($0).flatMap(\.sourceRules) },
        ]
    }
}
