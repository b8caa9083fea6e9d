// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIPlugin
internal import LinuxSystem
public import NFTables
internal import Netlink

/// Our tables on this host, in which each element knows whose it is.
///
/// The kernel decides who was first: new elements are added exclusively. What is removed or replaced was read before, and
/// the transaction holds only if nothing has changed since. A class, because DEL keeps the socket open until the link is
/// gone: closing it waits for the packets that may still see what was deleted, and so does removing the link.
public final class OwnedRuleset {
    /// The socket.
    public let socket: NFTablesSocket

    private init(_ socket: consuming NFTablesSocket) { self.socket = socket }

    /// Opens the rulesets of the calling thread's namespace.
    public static func open() throws(CNIError) -> OwnedRuleset {
        OwnedRuleset(try kernel { () throws(NetlinkError) in try NFTablesSocket.open() })
    }

    /// Opens the rulesets; nil where the kernel has no nf_tables, so that nothing can be in them.
    public static func openIfAvailable() throws(CNIError) -> OwnedRuleset? {
        do {
            let ruleset = OwnedRuleset(try NFTablesSocket.open())
            _ = try ruleset.socket.generation()
            return ruleset
        } catch {
            if error.meansMissingSubsystem { return nil }
            throw CNIError(error)
        }
    }

    /// Whether an ADD could be served.
    ///
    /// - Throws: ``CNIError`` with code 50 where the kernel has no nf_tables, or refuses to talk about it.
    public static func requireAvailable() throws(CNIError) {
        do throws(NetlinkError) { _ = try NFTablesSocket.open().generation() } catch {
            throw CNIError(
                .unavailable,
                "nf_tables cannot be used: \(error)",
                details: "the kernel needs CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET; try: nft list tables"
            )
        }
    }

    /// Who decides what becomes of a share's elements when the kernel has other ones in their place.
    public struct Resolution {
        /// Elements that give way.
        public var removing: [PlacedElement] = []
        /// Elements that are added.
        public var adding: [PlacedElement] = []
        /// Elements that are added unless they are there.
        public var shared: [PlacedElement] = []

        /// Nothing yet.
        public init() {}
    }

    /// Adds an attachment's elements, and what they need.
    ///
    /// - Parameter resolve: Called when not all elements could just be added; what it reads holds until its answer is
    ///   carried out, or it is called again.
    /// - Returns: The elements that were added.
    @discardableResult
    public func install(
        _ share: RulesetShare,
        resolve: () throws(CNIError) -> Resolution
    ) throws(CNIError) -> [PlacedElement] {
        if try hasChains(of: share) {
            var transaction = Transaction()
            try kernel { () throws(NetlinkError) in
                for placed in share.elements { try transaction.add([placed.element], to: placed.set) }
                try append(shared: share.shared, to: &transaction)
            }
            if try commit(transaction) == .committed { return share.elements }
        }
        var added: [PlacedElement] = []
        try settle(share.layout.table) { (transaction) throws(CNIError) in
            let resolution = try resolve()
            try kernel { () throws(NetlinkError) in
                if try socket.chain(share.layout.marker, of: share.layout.table) == nil {
                    try share.layout.append(to: &transaction)
                }
                for chain in share.chains { try append(chain, of: share.layout, to: &transaction) }
                for placed in resolution.removing { try transaction.delete([placed.element], from: placed.set) }
                // Those of another network, whose last element this was.
                let unused = try unusedChains(without: resolution.removing, [], share.layout)
                    .filter { name in !share.chains.contains { $0.chain.name == name } }
                for chain in unused { try transaction.deleteChain(chain, of: share.layout.table) }
                for placed in resolution.adding { try transaction.add([placed.element], to: placed.set) }
                try append(shared: resolution.shared, to: &transaction)
            }
            added = resolution.adding
        }
        return added
    }

    /// Removes elements, and the chains of networks that have no others.
    ///
    /// - Parameters:
    ///   - chains: Chains of a network, which go also when somebody else removed the elements that led to it.
    ///   - also: Appends what else goes with these elements and chains.
    ///   - find: Finds the elements; called again when the ruleset changed meanwhile.
    public func remove(
        from layout: RulesetLayout,
        chains: [String] = [],
        also: (inout Transaction, Removal) throws(CNIError) -> Void = { _, _ in },
        _ find: () throws(CNIError) -> [PlacedElement]
    ) throws(CNIError) {
        try settle(layout.table) { (transaction) throws(CNIError) in
            let found = try find()
            var unused: [String] = []
            try kernel { () throws(NetlinkError) in
                for placed in found { try transaction.delete([placed.element], from: placed.set) }
                unused = try unusedChains(without: found, chains, layout)
                for chain in unused { try transaction.deleteChain(chain, of: layout.table) }
            }
            if transaction.isEmpty { return }
            try also(&transaction, Removal(elements: found, chains: unused))
        }
    }

    /// What is being removed.
    public struct Removal {
        /// The elements.
        public let elements: [PlacedElement]
        /// The chains of networks that have no others.
        public let chains: [String]
    }

    /// Commits what a closure makes of the present state, again and again until nothing came between.
    public func settle(
        _ table: Table,
        _ plan: (inout Transaction) throws(CNIError) -> Void
    ) throws(CNIError) {
        let deadline = Deadline.after(.seconds(30))
        repeat {
            let generation = try kernel { () throws(NetlinkError) in try socket.generation() }
            var transaction = Transaction()
            try plan(&transaction)
            switch try commit(transaction, ifGeneration: generation) {
            case .committed: return
            case .outdated: try UndoList.stopIfInterrupted()
            case .refused(let refusals):
                if let error = refusals.first?.error { throw CNIError(error) }
            }
        } while deadline.remainingNanoseconds > 0
        throw CNIError(
            .tryAgainLater,
            "table \(table) could not be changed for 30 s: other programs change rulesets all the time",
            details: "look for the one with: nft monitor"
        )
    }

    private func commit(
        _ transaction: consuming Transaction,
        ifGeneration generation: UInt32? = nil
    ) throws(CNIError) -> NFTablesSocket.Outcome {
        do { return try socket.commit(transaction, ifGeneration: generation) } catch { throw CNIError(error) }
    }

    private func append(shared elements: [PlacedElement], to transaction: inout Transaction) throws(NetlinkError) {
        for placed in elements { try transaction.add([placed.element], to: placed.set, exclusive: false) }
    }

    // MARK: Chains of networks

    private func hasChains(of share: RulesetShare) throws(CNIError) -> Bool {
        try kernel { () throws(NetlinkError) in
            if share.chains.isEmpty { return try socket.chain(share.layout.marker, of: share.layout.table) != nil }
            for chain in share.chains {
                let present = try socket.rules(of: chain.chain.name, in: share.layout.table).map(\.comment)
                if chain.rules(present).map(\.comment) != present { return false }
            }
            return true
        }
    }

    private func append(
        _ chain: NetworkChain,
        of layout: RulesetLayout,
        to transaction: inout Transaction
    ) throws(NetlinkError) {
        let table = layout.table
        let present = try socket.rules(of: chain.chain.name, in: table).map(\.comment)
        let rules = chain.rules(present)
        if rules.map(\.comment) == present { return }
        // Adding what is there is an update, and the socket's end would wait for that one's end.
        let isThere = !present.isEmpty || layout.chains.contains { $0.chain.name == chain.chain.name }
        if !isThere { try transaction.add(chain.chain, to: table) }
        if !present.isEmpty { try transaction.flushChain(chain.chain.name, of: table) }
        for rule in rules { try transaction.add(rule, to: chain.chain.name, of: table) }
    }

    /// The kernel counts what leads to a chain, and its rules: when the elements that go are all, it goes with them.
    private func unusedChains(
        without elements: [PlacedElement],
        _ chains: [String],
        _ layout: RulesetLayout
    ) throws(NetlinkError) -> [String] {
        var references: [String: UInt32] = Dictionary(chains.map { ($0, 0) }) { first, _ in first }
        for target in elements.compactMap(\.element.verdict?.target) { references[target, default: 0] += 1 }
        var unused: [String] = []
        for (name, count) in references where !layout.chains.contains(where: { $0.chain.name == name }) {
            guard let chain = try socket.chain(name, of: layout.table) else { continue }
            let rules = try socket.rules(of: name, in: layout.table)
            if chain.useCount == count + UInt32(rules.count) { unused.append(name) }
        }
        return unused
    }
}

extension NetlinkError {
    /// Whether the kernel does not know nf_tables, rather than something of it.
    var meansMissingSubsystem: Bool {
        // EPROTONOSUPPORT of socket(2) is what a kernel without netfilter's netlink answers.
        let isUnknownProtocol = code == .socketFailed && number == .protocolNotSupported
        return isUnknownProtocol || [.invalidArgument, .notSupported, .addressFamilyNotSupported].contains(number)
    }
}
