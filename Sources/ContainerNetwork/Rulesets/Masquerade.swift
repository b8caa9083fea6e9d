// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
public import IPAddresses
public import JSON
public import NFTables
public import RouteNetlink

/// The translation of containers' addresses to the host's, for what leaves their network: `ipMasq`.
///
/// One rule looks up the interface a packet came in by together with its source address; the element found leads to the
/// network's chain, which spares the network's own subnets and multicast. The interface is part of the key, so that two
/// networks may use the same addresses.
public struct Masquerade {
    /// What a configuration says about it.
    public struct Settings: Hashable, Sendable {
        /// `ipMasq`.
        public let isEnabled: Bool
        /// `ipMasqBackend` asks for iptables.
        public let prefersIptables: Bool

        /// Reads the keys.
        ///
        /// - Throws: ``CNIError`` with code 7 for an unknown backend.
        public init(_ root: JSONNode) throws(JSONError) {
            isEnabled = try root["ipMasq"]?.boolean() ?? false
            prefersIptables = try RulesetBackend(root["ipMasqBackend"]) == .iptables
        }
    }

    /// What is needed of the table.
    public static let layout: RulesetLayout = {
        let rules = AddressFamily.allCases.map { family in
            Rule([.verdict(of: [.inputInterface, .source(family)], in: addresses(family))])
        }
        return RulesetLayout(
            table,
            sets: AddressFamily.allCases.map(addresses),
            chains: [
                (
                    Chain(
                        "masquerading",
                        at: .init(.nat, .postrouting, priority: ChainPriority.sourceNAT),
                        comment: "addresses of containers that leave their networks"
                    ), rules
                )
            ]
        )
    }()

    /// The table of masquerading and of the firewall.
    public static let table = Table(.inet, "cni")

    private static func addresses(_ family: AddressFamily) -> NamedSet {
        NamedSet(
            family == .v4 ? "masquerade4" : "masquerade6",
            in: table,
            key: [.interfaceName, .address(family)],
            value: .verdict
        )
    }

    private let ruleset: OwnedRuleset
    private let identity: AttachmentIdentity

    /// Masquerading of one attachment.
    public init(_ ruleset: OwnedRuleset, _ identity: AttachmentIdentity) {
        self.ruleset = ruleset
        self.identity = identity
    }

    /// Has an attachment's addresses masqueraded, and registers how that is taken back.
    ///
    /// The addresses were granted to the attachment just now: whoever had them before has them no more.
    ///
    /// - Parameters:
    ///   - interface: The host's interface that the container's packets come in by.
    ///   - hostInterface: The host's end of the attachment.
    public func install(
        _ addresses: [IPPrefix],
        arrivingBy interface: String,
        hostInterface: LinkIndex,
        undo: UndoList
    ) throws(CNIError) {
        if addresses.isEmpty { return }
        let share = share(addresses, interface, ElementOwner(identity, hostInterface: hostInterface).comment)
        let ruleset = ruleset
        let added = try ruleset.install(share) { () throws(CNIError) in try ruleset.replacingOccupants(of: share) }
        try undo.register("remove the masquerading of \(identity.attachment)") { () throws(CNIError) in
            try ruleset.removeElements(ofAttachment: identity.shortDigest, from: Self.layout, knownPlaces: added)
        }
    }

    /// Removes what an ADD made, also when little is known any more.
    ///
    /// - Parameters:
    ///   - interfaces: Those that the container's packets may have come in by.
    ///   - isThorough: Whether to look further when nothing is found there.
    public func remove(
        _ addresses: [IPPrefix],
        arrivingBy interfaces: [String],
        isThorough: Bool
    ) throws(CNIError) {
        try ruleset.removeElements(
            ofAttachment: identity.shortDigest,
            from: Self.layout,
            knownPlaces: interfaces.flatMap { share(addresses, $0, "").elements },
            isThorough: isThorough,
            chains: [NetworkChain.name("masquerade", network: identity.network)]
        )
    }

    /// What CHECK has to say against it; nil when it is as it should be.
    public func difference(_ addresses: [IPPrefix], arrivingBy interface: String) throws(CNIError) -> String? {
        if addresses.isEmpty { return nil }
        return try ruleset.difference(from: share(addresses, interface, ""), identity: identity.shortDigest)
    }

    private func share(_ addresses: [IPPrefix], _ interface: String, _ comment: String) -> RulesetShare {
        let chain = Self.chain(of: identity.network, sparing: addresses.map(\.network))
        let elements = addresses.map { prefix in
            PlacedElement(
                SetElement(
                    [.interface(interface), .address(prefix.address)],
                    value: .verdict(.jump(chain.chain.name)),
                    comment: comment
                ),
                in: Self.addresses(prefix.family)
            )
        }
        return RulesetShare(Self.layout, chains: [chain], elements: elements)
    }

    /// The network's chain: its subnets, as its containers' addresses make them known one by one, are spared.
    private static func chain(of network: String, sparing subnets: [IPPrefix]) -> NetworkChain {
        NetworkChain(NetworkChain.name("masquerade", network: network), network: network) { present in
            let spared = OwnSubnets(subnets, present: present).prefixes
            return spared.map { Rule([.destination($0), .verdict(.return)], comment: OwnSubnets.comment($0)) }
                + multicast.map { Rule([.destination($0), .verdict(.return)], comment: "multicast") }
                + [Rule([.masquerade()], comment: "everything else")]
        }
    }

    private static let multicast = [IPPrefix("224.0.0.0/4"), IPPrefix("ff00::/8")].compactMap { $0 }
}

/// The subnets of a network, kept in the comments of its chain's rules.
public struct OwnSubnets {
    /// The subnets in the order they became known.
    public let prefixes: [IPPrefix]

    /// Joins the known ones with those of an attachment.
    public init(_ subnets: [IPPrefix], present: [String]) {
        var prefixes = present.compactMap { comment -> IPPrefix? in
            comment.hasPrefix(Self.mark) ? IPPrefix(comment.dropFirst(Self.mark.count)) : nil
        }
        for subnet in subnets where !prefixes.contains(subnet) { prefixes.append(subnet) }
        self.prefixes = prefixes
    }

    /// The comment of a rule about a subnet.
    public static func comment(_ prefix: IPPrefix) -> String { "\(mark)\(prefix)" }

    private static var mark: String { "own subnet " }
}
