// swift-cni, SPDX-License-Identifier: Apache-2.0

public import NFTables
internal import Netlink

/// What one purpose needs of a table before any container is attached: sets, chains, and the rules that are always there.
///
/// It is made with the first attachment and stays; containers come and go as elements of its sets.
public struct RulesetLayout: Sendable {
    /// The table, which several layouts may share.
    public let table: Table
    /// The sets whose elements attachments own.
    public let sets: [NamedSet]
    /// The chains with their rules, in an order in which no rule leads to a later chain.
    public let chains: [(chain: Chain, rules: [Rule])]

    /// Describes a layout; at least one of its chains must be a base chain.
    public init(
        _ table: Table,
        sets: [NamedSet],
        chains: [(chain: Chain, rules: [Rule])]
    ) {
        self.table = table
        self.sets = sets
        self.chains = chains
    }

    /// The base chain whose presence tells that all of it is there: it was made in the same transaction.
    var marker: String { chains.first { $0.chain.attachment != nil }?.chain.name ?? "" }

    /// Appends the steps that make it.
    func append(to transaction: inout Transaction) throws(NetlinkError) {
        try transaction.add(table)
        for set in sets { try transaction.add(set) }
        for (chain, rules) in chains {
            try transaction.add(chain, to: table)
            for rule in rules { try transaction.add(rule, to: chain.name, of: table) }
        }
    }
}

/// A chain that a network's elements lead to: it comes with the first of them and goes with the last.
public struct NetworkChain {
    /// The chain, commented with the network's name.
    public let chain: Chain
    /// The rules it should have, given the comments of those that it has.
    ///
    /// A comment says all that a rule depends on: chains whose rules have the same comments are the same.
    public let rules: (_ present: [String]) -> [Rule]

    /// Describes a chain.
    public init(_ name: String, network: String, rules: @escaping (_ present: [String]) -> [Rule]) {
        chain = Chain(name, comment: network)
        self.rules = rules
    }

    /// How the names of a network's chains end.
    public static func name(_ purpose: String, network: String) -> String {
        "\(purpose)-\(ElementOwner.digest(network: network))"
    }

    /// Whether a name ends so.
    static func isName(_ name: String) -> Bool {
        let digits = name.utf8.suffix(16)
        return name.utf8.dropLast(16).last == UInt8(ascii: "-")
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

/// An element and the set it is in.
public struct PlacedElement: Hashable, Sendable {
    /// The set.
    public let set: NamedSet
    /// The element.
    public let element: SetElement

    /// Places an element.
    public init(_ element: SetElement, in set: NamedSet) {
        self.set = set
        self.element = element
    }

    /// Whose it is; nil for one that is nobody's.
    public var owner: ElementOwner? { ElementOwner(comment: element.comment) }
}

/// What an attachment needs of a table.
public struct RulesetShare {
    /// What must be there.
    public let layout: RulesetLayout
    /// The chains of its network.
    public let chains: [NetworkChain]
    /// Its elements.
    public let elements: [PlacedElement]
    /// Elements that it needs and others may need, too.
    public let shared: [PlacedElement]

    /// Describes a share.
    public init(
        _ layout: RulesetLayout,
        chains: [NetworkChain],
        elements: [PlacedElement],
        shared: [PlacedElement] = []
    ) {
        self.layout = layout
        self.chains = chains
        self.elements = elements
        self.shared = shared
    }
}
