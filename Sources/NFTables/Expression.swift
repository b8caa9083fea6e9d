// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A register of the kernel's rule machine: sixteen words of four bytes; a longer value takes the words that follow.
public struct Register: Hashable, Sendable {
    /// The first word, 0…15.
    public let word: Int

    /// Names a register by its first word.
    public init(word: Int) { self.word = word }

    /// The number in messages: `NFT_REG_1`… at whole 16 bytes, `NFT_REG32_00`… in between, as the kernel writes it.
    var number: UInt32 { word % 4 == 0 ? UInt32(1 + word / 4) : UInt32(8 + word) }
}

/// One step of a rule, as the kernel's rule machine knows it.
///
/// Rules are written with ``Statement``, which puts these together.
public enum Expression: Hashable, Sendable {
    /// What the kernel knows of a packet besides its bytes.
    public enum MetaKey: UInt32, Hashable, Sendable {
        /// The corresponding C constant is `NFT_META_MARK`.
        case mark = 3
        /// The corresponding C constant is `NFT_META_IIFNAME`.
        case inputInterfaceName = 6
        /// The corresponding C constant is `NFT_META_OIFNAME`.
        case outputInterfaceName = 7
        /// The corresponding C constant is `NFT_META_NFPROTO`.
        case family = 15
        /// The corresponding C constant is `NFT_META_L4PROTO`.
        case transportProtocol = 16
    }

    /// What connection tracking knows of a packet's connection.
    public enum ConnectionKey: UInt32, Hashable, Sendable {
        /// The corresponding C constant is `NFT_CT_STATE`.
        case state = 0
        /// The corresponding C constant is `NFT_CT_STATUS`.
        case status = 2
    }

    /// The header that an offset counts from.
    public enum PayloadBase: UInt32, Hashable, Sendable {
        /// The corresponding C constant is `NFT_PAYLOAD_LL_HEADER`.
        case link = 0
        /// The corresponding C constant is `NFT_PAYLOAD_NETWORK_HEADER`.
        case network = 1
        /// The corresponding C constant is `NFT_PAYLOAD_TRANSPORT_HEADER`.
        case transport = 2
    }

    /// Loads what the kernel knows of the packet.
    case meta(MetaKey, into: Register)
    /// Changes what the kernel knows of the packet.
    case setMeta(MetaKey, from: Register)
    /// Loads bytes of the packet.
    case payload(PayloadBase, offset: Int, length: Int, into: Register)
    /// Loads what connection tracking knows.
    case connection(ConnectionKey, into: Register)
    /// Loads the type of the destination in the routing tables, such as `RTN_LOCAL` (`fib daddr type`).
    case destinationType(into: Register)
    /// `register = (register & mask) ^ xor`.
    case bitwise(Register, mask: [UInt8], xor: [UInt8])
    /// Goes on only when the register's first bytes are these, or are not.
    case compare(Register, isEqual: Bool, [UInt8])
    /// Goes on only when the key is in the set, or is not; a map's value is loaded, or is the verdict.
    case lookUp(Register, set: String, value: LookUpValue)
    /// Ends the rule.
    case verdict(Verdict)
    /// Translates the destination to an address and a port in registers.
    case destinationNAT(TableFamily, address: Register, port: Register)
    /// Translates the source to the address of the outgoing interface.
    case masquerade(MasqueradeFlags)
    /// Counts packets and bytes.
    case counter
    /// The remark of a rule that iptables wrote (`-m comment`); only ever read.
    case remark(String)
    /// A kind that this version does not interpret: its name and its attributes' bytes.
    case unknown(String, [UInt8])

    /// What becomes of what is found.
    public enum LookUpValue: Hashable, Sendable {
        /// The set has no values; only whether the key is there counts.
        case membership(isInverted: Bool)
        /// The value is loaded.
        case load(Register)
        /// The value is the verdict.
        case verdict
    }
}

/// How masquerading chooses ports (`enum nf_nat_range`).
public struct MasqueradeFlags: OptionSet, Hashable, Sendable {
    /// The bits of `NFTA_MASQ_FLAGS`.
    public let rawValue: UInt32
    /// Creates flags from bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The option `random`.
    ///
    /// The corresponding C constant is `NF_NAT_RANGE_PROTO_RANDOM`.
    public static var random: MasqueradeFlags { MasqueradeFlags(rawValue: 1 << 2) }
    /// The option `persistent`.
    ///
    /// The corresponding C constant is `NF_NAT_RANGE_PERSISTENT`.
    public static var persistent: MasqueradeFlags { MasqueradeFlags(rawValue: 1 << 3) }
    /// The option `fully-random`.
    ///
    /// The corresponding C constant is `NF_NAT_RANGE_PROTO_RANDOM_FULLY`.
    public static var fullyRandom: MasqueradeFlags { MasqueradeFlags(rawValue: 1 << 4) }
}
