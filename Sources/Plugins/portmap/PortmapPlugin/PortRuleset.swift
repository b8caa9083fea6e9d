// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables

/// The table of port maps: its sets and the chains that are always there.
///
/// A packet for an address of the host looks up its protocol and port. The element found leads to the chain of the network
/// that published the port for all addresses, or to a second look-up, with the address, when it is published for single
/// ones: so the kernel itself refuses to have both. The network's chain checks its conditions, marks packets whose source
/// is to be translated, and translates the destination by a map.
///
/// A table of its own: with each verdict that is added to a table, the kernel walks all of the table's verdict maps.
enum PortRuleset {
    /// The table.
    static let table = Table(.inet, "cni_portmap")

    /// What a packet's protocol and port lead to: a network's chain, or ``addressChain(_:)``.
    static func ports(_ family: AddressFamily) -> NamedSet {
        NamedSet("hostports\(family.digit)", in: table, key: [.transportProtocol, .port], value: .verdict)
    }

    /// What a packet's destination, protocol and port lead to: a network's chain.
    static func addressedPorts(_ family: AddressFamily) -> NamedSet {
        NamedSet(
            "hostports_by_address\(family.digit)",
            in: table,
            key: [.address(family), .transportProtocol, .port],
            value: .verdict
        )
    }

    /// The container's address and port behind a protocol and port.
    static func targets(_ family: AddressFamily) -> NamedSet {
        NamedSet(
            "targets\(family.digit)",
            in: table,
            key: [.transportProtocol, .port],
            value: .fields([.address(family), .port])
        )
    }

    /// The container's address and port behind an address of the host, a protocol and a port.
    static func addressedTargets(_ family: AddressFamily) -> NamedSet {
        NamedSet(
            "targets_by_address\(family.digit)",
            in: table,
            key: [.address(family), .transportProtocol, .port],
            value: .fields([.address(family), .port])
        )
    }

    /// The interfaces on which `route_localnet` is on.
    static let guardedInterfaces = NamedSet("loopback_guard", in: table, key: [.interfaceName])

    /// The chain of the second look-up.
    static func addressChain(_ family: AddressFamily) -> String { "by_address\(family.digit)" }

    /// The chain that translates the source of marked packets.
    static let markedChain = "marked"

    /// What is needed of the table.
    static let layout: RulesetLayout = {
        var chains: [(chain: Chain, rules: [Rule])] = []
        for family in AddressFamily.allCases {
            let rule = Rule([
                .verdict(of: [.destination(family), .transportProtocol, .destinationPort], in: addressedPorts(family))
            ])
            chains.append((Chain(addressChain(family), comment: "ports published for single addresses"), [rule]))
        }
        let lookUps = AddressFamily.allCases.map { family in
            Rule([.family(family), .verdict(of: [.transportProtocol, .destinationPort], in: ports(family))])
        }
        chains.append((Chain("hostports", comment: "what is published"), lookUps))
        chains.append((Chain(markedChain, comment: "clients that could not be answered otherwise"), []))
        for hook in [Chain.Attachment.Hook.prerouting, .output] {
            chains.append(
                (
                    Chain("\(hook)", at: .init(.nat, hook, priority: ChainPriority.destinationNAT)),
                    [Rule([.destinationIsLocal, .verdict(.jump("hostports"))])]
                )
            )
        }
        chains.append(
            (
                Chain("postrouting", at: .init(.nat, .postrouting, priority: ChainPriority.sourceNAT)),
                [Rule([.verdict(.jump(markedChain))])]
            )
        )
        chains.append((guardChain, guardRules))
        return RulesetLayout(
            table,
            sets: AddressFamily.allCases.flatMap { family in
                [ports(family), addressedPorts(family), targets(family), addressedTargets(family)]
            } + [guardedInterfaces],
            chains: chains
        )
    }()

    /// Before anything else is done with a packet: 127.0.0.0/8 is nobody's but this host's (CVE-2020-8558).
    private static let guardChain = Chain(
        "loopback",
        at: .init(.filter, .prerouting, priority: ChainPriority.raw),
        comment: "route_localnet lets 127.0.0.0/8 in from these interfaces"
    )

    private static let guardRules: [Rule] =
        loopback(.v4).map { prefix in
            [
                Rule([.member([.inputInterface], of: guardedInterfaces), .destination(prefix), .verdict(.drop)]),
                Rule([.member([.inputInterface], of: guardedInterfaces), .source(prefix), .verdict(.drop)]),
            ]
        } ?? []

    /// The addresses that are every host's own.
    static func loopback(_ family: AddressFamily) -> IPPrefix? {
        family == .v4 ? IPPrefix("127.0.0.0/8") : IPPrefix("::1/128")
    }
}

extension AddressFamily {
    /// How the names of sets and chains end.
    var digit: String { self == .v4 ? "4" : "6" }
}
