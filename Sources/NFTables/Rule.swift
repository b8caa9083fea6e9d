// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A rule: statements in order, each of which may end it.
public struct Rule: Hashable, Sendable {
    /// What it does.
    public let expressions: [Expression]
    /// A remark, at most 127 bytes; more is cut off.
    public let comment: String

    /// Puts a rule together.
    public init(_ statements: [Statement], comment: String = "") {
        expressions = statements.flatMap(\.expressions)
        self.comment = comment
    }

    /// What it does, without what only counts.
    public var essence: [Expression] { expressions.filter(\.isEssential) }
}

extension Expression {
    /// Whether it has to do with what becomes of a packet.
    fileprivate var isEssential: Bool {
        switch self {
        case .counter, .remark: false
        default: true
        }
    }
}

/// A rule as the kernel lists it.
public struct ListedRule: Hashable, Sendable {
    /// By which it is deleted; unique in its table.
    public let handle: UInt64
    /// Its expressions; what this version does not interpret is ``Expression/unknown(_:_:)``.
    public let expressions: [Expression]
    /// The remark.
    public let comment: String

    /// What it does, without what only counts and what only remarks.
    public var essence: [Expression] { expressions.filter(\.isEssential) }

    /// The chains it leads to.
    public var targets: [String] {
        expressions.compactMap { expression in
            guard case .verdict(let verdict) = expression else { return nil }
            return verdict.target
        }
    }
}

/// A chain as the kernel lists it.
public struct ListedChain: Hashable, Sendable {
    /// The name.
    public let name: String
    /// How many rules it has and how many rules and elements lead to it, in sum.
    public let useCount: UInt32
    /// The remark.
    public let comment: String
    /// Whether packets enter it at a hook.
    public let isBase: Bool
    /// Where packets enter it; nil for a regular chain, and for one of a kind or at a hook that this version does not know.
    public let attachment: Chain.Attachment?
    /// What becomes of packets that no rule decides about; nil for a regular chain.
    public let policy: Verdict?
}

/// A table as the kernel lists it.
public struct ListedTable: Sendable {
    /// The flags; see nft(8), "TABLES": a dormant one's chains see no packets.
    public let flags: UInt32
    /// How many chains, named sets, objects and flow tables it has, in sum.
    public let useCount: UInt32
}
