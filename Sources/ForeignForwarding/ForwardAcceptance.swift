// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import NFTables

/// What somebody wants of a ``ForeignForwardChain``: that packets with a mark pass.
public struct ForwardAcceptance: Sendable {
    /// Where in `FORWARD` the jump to `CNI-FORWARD` is put; where it is already, it stays.
    public enum Place: Sendable {
        /// Before all other rules.
        case first
        /// After all others, but for those that refuse whatever came so far: what others drop stays dropped.
        case last
    }

    /// Who wants it, as the remarks of its rules begin.
    public let user: String
    /// The bit of a packet's mark that lets it pass.
    public let markBit: UInt32
    /// The administrator's chain, which comes before; nil for none.
    public let adminChain: String?
    /// Where the jump is put.
    public let place: Place
    /// Whether the user has no other bits.
    public let isOnly: Bool

    /// Describes a wish.
    public init(user: String, markBit: UInt32, adminChain: String? = nil, place: Place, isOnly: Bool) {
        self.user = user
        self.markBit = markBit
        self.adminChain = adminChain
        self.place = place
        self.isOnly = isOnly
    }

    /// The rule that accepts the mark.
    var rule: Rule { Rule([.mark(hasBit: markBit), .counter, .verdict(.accept)], comment: comment) }

    private var comment: String { "\(user) mark 0x\(String(markBit, radix: 16))" }

    /// Whether a rule is one of a user's.
    static func isRule(_ rule: ListedRule, of user: String) -> Bool { rule.comment.hasPrefix("\(user) mark ") }

    /// Whether a rule does what is wanted.
    func isServed(by listed: ListedRule) -> Bool {
        guard listed.comment == comment else { return false }
        if listed.essence == rule.essence { return true }
        // As an older iptables writes it when it restores what it saved; the remark is all that tells its bit.
        return listed.essence.count == 2 && listed.essence.first?.extensionMatch == "mark"
            && listed.essence.last == .verdict(.accept)
    }

    /// Whether a rule of the user's is of no use, for it was changed, or is about another bit.
    func isObsolete(_ listed: ListedRule) -> Bool {
        if isServed(by: listed) || !Self.isRule(listed, of: user) { return false }
        return isOnly || listed.comment == comment
    }
}
