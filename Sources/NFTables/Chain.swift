// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A chain of rules: regular, entered by jumps, or base, entered by packets at a hook.
public struct Chain: Hashable, Sendable {
    /// The name, at most 127 bytes, unique in its table.
    public let name: String
    /// Where packets enter it; nil for a regular chain.
    public let attachment: Attachment?
    /// A remark for those who list the ruleset, at most 127 bytes.
    public let comment: String

    /// Describes a chain.
    public init(_ name: String, at attachment: Attachment? = nil, comment: String = "") {
        self.name = name
        self.attachment = attachment
        self.comment = comment
    }

    /// Where and when a base chain sees packets; what it does not decide is accepted.
    public struct Attachment: Hashable, Sendable {
        /// What the chain may do.
        public enum Kind: String, Hashable, Sendable {
            /// Let pass or drop.
            case filter
            /// Translate addresses; sees the first packet of each connection.
            case nat
        }

        /// The point in a packet's way.
        public enum Hook: UInt32, Hashable, Sendable {
            /// Every packet that comes in.
            ///
            /// The corresponding C constant is `NF_INET_PRE_ROUTING`.
            case prerouting = 0
            /// Packets for this host.
            ///
            /// The corresponding C constant is `NF_INET_LOCAL_IN`.
            case input = 1
            /// Packets that pass through.
            ///
            /// The corresponding C constant is `NF_INET_FORWARD`.
            case forward = 2
            /// Packets from this host.
            ///
            /// The corresponding C constant is `NF_INET_LOCAL_OUT`.
            case output = 3
            /// Every packet that goes out.
            ///
            /// The corresponding C constant is `NF_INET_POST_ROUTING`.
            case postrouting = 4
        }

        /// What the chain may do.
        public let kind: Kind
        /// Where it sees packets.
        public let hook: Hook
        /// Its turn among the chains of the hook: lower comes first.
        public let priority: Int32

        /// Describes an attachment.
        public init(_ kind: Kind, _ hook: Hook, priority: Int32) {
            self.kind = kind
            self.hook = hook
            self.priority = priority
        }
    }
}

/// Well-known priorities of base chains (nft(8), "CHAINS").
public enum ChainPriority {
    /// Before connection tracking.
    ///
    /// The corresponding C constant is `NF_IP_PRI_RAW`.
    public static var raw: Int32 { -300 }
    /// The corresponding C constant is `NF_IP_PRI_NAT_DST`.
    public static var destinationNAT: Int32 { -100 }
    /// The corresponding C constant is `NF_IP_PRI_FILTER`.
    public static var filter: Int32 { 0 }
    /// The corresponding C constant is `NF_IP_PRI_NAT_SRC`.
    public static var sourceNAT: Int32 { 100 }
    /// What nft calls "dstnat" in the bridge family.
    ///
    /// The corresponding C constant is `NF_BR_PRI_NAT_DST_BRIDGED`.
    public static var bridgeDestinationNAT: Int32 { -300 }
    /// What nft calls "filter" in the bridge family.
    ///
    /// The corresponding C constant is `NF_BR_PRI_FILTER_BRIDGED`.
    public static var bridgeFilter: Int32 { -200 }
}

/// What becomes of a packet.
public enum Verdict: Hashable, Sendable {
    /// This hook's work is done; chains of other tables still see it.
    ///
    /// The corresponding C constant is `NF_ACCEPT`.
    case accept
    /// It is gone.
    ///
    /// The corresponding C constant is `NF_DROP`.
    case drop
    /// The next rule sees it.
    ///
    /// The corresponding C constant is `NFT_CONTINUE`.
    case `continue`
    /// Back to the rule after the jump that led here.
    ///
    /// The corresponding C constant is `NFT_RETURN`.
    case `return`
    /// Through another chain, and back.
    ///
    /// The corresponding C constant is `NFT_JUMP`.
    case jump(String)
    /// Into another chain.
    ///
    /// The corresponding C constant is `NFT_GOTO`.
    case goto(String)

    /// The chain it leads to.
    public var target: String? {
        switch self {
        case .jump(let chain), .goto(let chain): chain
        default: nil
        }
    }

    /// `NFTA_VERDICT_CODE`.
    var code: Int32 {
        switch self {
        case .drop: 0
        case .accept: 1
        case .continue: -1
        case .jump: -3
        case .goto: -4
        case .return: -5
        }
    }

    init?(code: Int32, target: String) {
        switch code {
        case 0: self = .drop
        case 1: self = .accept
        case -1: self = .continue
        case -3: self = .jump(target)
        case -4: self = .goto(target)
        case -5: self = .return
        default: return nil
        }
    }
}
