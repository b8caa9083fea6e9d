// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ContainerNetwork
internal import IPAddresses
internal import NFTables

/// The chains of one network: what its configuration says about packets to its published ports.
enum NetworkPortChains {
    /// The chain's name.
    static func name(_ family: AddressFamily, network: String) -> String {
        NetworkChain.name("portmap\(family.digit)", network: network)
    }

    /// Whether a chain is a network's.
    static func isName(_ name: String) -> Bool {
        AddressFamily.allCases.contains { name.hasPrefix("portmap\($0.digit)-") }
    }

    /// The mark that a rule's comment tells of, as the rules that translate write it.
    static func mark(_ comment: String) -> String? {
        comment.hasPrefix("mark ") ? String(comment.dropFirst(5)) : nil
    }

    /// The chain of a family.
    ///
    /// - Parameter subnets: The container's own; those of the network's other containers are in the chain already.
    static func chain(
        _ family: AddressFamily,
        network: String,
        _ configuration: PortmapConfiguration,
        subnets: [IPPrefix]
    ) -> NetworkChain {
        let conditions = (configuration.conditions[family] ?? []).map { condition in
            Rule([condition.violation, .verdict(.return)], comment: "condition \(condition.text)")
        }
        return NetworkChain(name(family, network: network), network: network) { present in
            conditions + localhostRules(family, configuration)
                + markRules(family, configuration, OwnSubnets(subnets, present: present).prefixes)
                + translationRules(family, configuration)
        }
    }

    /// The chain that masquerades what is marked with the bits that networks use.
    static func marked(bit: UInt32) -> NetworkChain {
        NetworkChain(PortRuleset.markedChain, network: "") { present in
            let text = "0x\(String(bit, radix: 16))"
            let known = present.contains(text) ? present : present + [text]
            return known.compactMap { text in
                UInt32(text.dropFirst(2), radix: 16).map { bit in
                    Rule([.mark(hasBit: bit), .masquerade()], comment: text)
                }
            }
        }
    }

    /// Loopback addresses lead to a container only where its answers find the way back.
    private static func localhostRules(_ family: AddressFamily, _ configuration: PortmapConfiguration) -> [Rule] {
        // The kernel routes ::1 nowhere but to this host.
        guard family == .v6 || !configuration.servesLocalhost, let loopback = PortRuleset.loopback(family) else {
            return []
        }
        return [Rule([.destination(loopback), .verdict(.return)], comment: "not for loopback addresses")]
    }

    private static func markRules(
        _ family: AddressFamily,
        _ configuration: PortmapConfiguration,
        _ subnets: [IPPrefix]
    ) -> [Rule] {
        let mark = Statement.setMark(bit: configuration.markBit)
        if configuration.masqueradesAll { return [Rule([mark], comment: "all clients")] }
        guard configuration.masqueradesSources else { return [] }
        var rules = subnets.filter { $0.family == family }
            .map { Rule([.source($0), mark], comment: OwnSubnets.comment($0)) }
        if family == .v4, let loopback = PortRuleset.loopback(.v4) {
            rules.append(Rule([.source(loopback), mark], comment: "this host by its loopback addresses"))
        }
        return rules
    }

    private static func translationRules(_ family: AddressFamily, _ configuration: PortmapConfiguration) -> [Rule] {
        let bit = "0x\(String(configuration.markBit, radix: 16))"
        return [
            Rule(
                [
                    .destinationNAT(
                        family,
                        to: [.destination(family), .transportProtocol, .destinationPort],
                        in: PortRuleset.addressedTargets(family)
                    )
                ],
                comment: "mark \(bit)"
            ),
            Rule(
                [
                    .destinationNAT(
                        family,
                        to: [.transportProtocol, .destinationPort],
                        in: PortRuleset.targets(family)
                    )
                ],
                comment: "to the container"
            ),
        ]
    }
}
