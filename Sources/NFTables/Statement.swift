// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// A part of a rule as nft(8) writes it: a match or an action.
public struct Statement: Hashable, Sendable {
    /// What the kernel is told.
    public let expressions: [Expression]

    /// Puts a statement together of expressions.
    public init(_ expressions: [Expression]) { self.expressions = expressions }

    private static var first: Register { Register(word: 0) }

    // MARK: Matches

    /// `meta nfproto ipv4`: packets of one family in an `inet` table.
    public static func family(_ family: AddressFamily) -> Statement {
        let number: UInt8 = family == .v4 ? TableFamily.ip.rawValue : TableFamily.ip6.rawValue
        return Statement([.meta(.family, into: first), .compare(first, isEqual: true, [number])])
    }

    /// `ip saddr PREFIX`, `ip6 saddr PREFIX`.
    public static func source(_ prefix: IPPrefix, isInverted: Bool = false) -> Statement {
        address(.source(prefix.family), prefix, isInverted)
    }

    /// `ip daddr PREFIX`, `ip6 daddr PREFIX`.
    public static func destination(_ prefix: IPPrefix, isInverted: Bool = false) -> Statement {
        address(.destination(prefix.family), prefix, isInverted)
    }

    /// `iifname NAME`.
    public static func inputInterface(_ pattern: InterfacePattern, isInverted: Bool = false) -> Statement {
        Statement([
            .meta(.inputInterfaceName, into: first), .compare(first, isEqual: !isInverted, pattern.octets),
        ])
    }

    /// `oifname NAME`.
    public static func outputInterface(_ pattern: InterfacePattern, isInverted: Bool = false) -> Statement {
        Statement([
            .meta(.outputInterfaceName, into: first), .compare(first, isEqual: !isInverted, pattern.octets),
        ])
    }

    /// `fib daddr type local`: the destination is an address of this host.
    public static var destinationIsLocal: Statement {
        // RTN_LOCAL.
        Statement([.destinationType(into: first), .compare(first, isEqual: true, bytes(2))])
    }

    /// `ct state established,related`.
    public static var belongsToConnection: Statement {
        // NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED).
        anyBit(of: 0x6, .connection(.state, into: first))
    }

    /// `ct status dnat`: the destination was translated.
    public static var hasTranslatedDestination: Statement {
        // IPS_DST_NAT.
        anyBit(of: 0x20, .connection(.status, into: first))
    }

    /// `ct state ! established,related`, `ct status ! dnat`: a first packet whose destination was not translated.
    public static var startsUntranslatedConnection: Statement {
        Statement(
            noBit(of: 0x6, .connection(.state, into: first)) + noBit(of: 0x20, .connection(.status, into: first))
        )
    }

    /// `meta mark & BIT == BIT`.
    public static func mark(hasBit bit: UInt32) -> Statement {
        Statement([
            .meta(.mark, into: first), .bitwise(first, mask: bytes(bit), xor: bytes(0)),
            .compare(first, isEqual: true, bytes(bit)),
        ])
    }

    /// `FIELD . FIELD … @set`.
    public static func member(_ fields: [Field], of set: NamedSet) -> Statement {
        Statement(
            load(fields, in: set.table) + [.lookUp(first, set: set.name, value: .membership(isInverted: false))]
        )
    }

    // MARK: Actions

    /// `FIELD . FIELD … vmap @map`.
    public static func verdict(of fields: [Field], in map: NamedSet) -> Statement {
        Statement(load(fields, in: map.table) + [.lookUp(first, set: map.name, value: .verdict)])
    }

    /// What becomes of the packet: `accept`, `return`, `jump CHAIN`.
    public static func verdict(_ verdict: Verdict) -> Statement { Statement([.verdict(verdict)]) }

    /// `meta mark set meta mark | BIT`.
    public static func setMark(bit: UInt32) -> Statement {
        Statement([
            .meta(.mark, into: first), .bitwise(first, mask: bytes(~bit), xor: bytes(bit)),
            .setMeta(.mark, from: first),
        ])
    }

    /// `dnat ip to FIELD . FIELD … map @map`, where the map's values are an address and a port.
    public static func destinationNAT(_ family: AddressFamily, to fields: [Field], in map: NamedSet) -> Statement {
        let port = Register(word: FieldType.address(family).paddedByteCount / 4)
        return Statement(
            load(fields, in: map.table) + [
                .lookUp(first, set: map.name, value: .load(first)),
                .destinationNAT(family == .v4 ? .ip : .ip6, address: first, port: port),
            ]
        )
    }

    /// The option `masquerade`.
    public static func masquerade(_ flags: MasqueradeFlags = []) -> Statement { Statement([.masquerade(flags)]) }

    /// The option `counter`.
    public static var counter: Statement { Statement([.counter]) }

    // MARK: Parts

    /// The key's fields side by side; in an `inet` table first a check that the packet has them.
    private static func load(_ fields: [Field], in table: Table) -> [Expression] {
        var expressions: [Expression] = []
        if table.family == .inet, let family = fields.lazy.compactMap(\.family).first {
            expressions = Self.family(family).expressions
        }
        var word = 0
        for field in fields {
            expressions.append(field.load(into: Register(word: word)))
            word += field.type.paddedByteCount / 4
        }
        return expressions
    }

    private static func address(_ field: Field, _ prefix: IPPrefix, _ isInverted: Bool) -> Statement {
        var expressions = family(prefix.family).expressions
        let network = prefix.network.address.octets
        if prefix.length % 8 == 0, case .payload(let base, let offset, _, let register) = field.load(into: first) {
            let length = prefix.length / 8
            // A prefix of length 0 holds every address of the family, and its inverse none.
            if length > 0 {
                expressions.append(.payload(base, offset: offset, length: length, into: register))
                expressions.append(.compare(first, isEqual: !isInverted, Array(network.prefix(length))))
            } else if isInverted {
                expressions = family(prefix.family).expressions + [.compare(first, isEqual: true, [0])]
            }
        } else {
            let mask = (0..<network.count).map { index -> UInt8 in
                let bits = min(max(prefix.length - 8 * index, 0), 8)
                return UInt8(truncatingIfNeeded: 0xff00 >> bits)
            }
            expressions.append(field.load(into: first))
            expressions.append(.bitwise(first, mask: mask, xor: Array(repeating: 0, count: mask.count)))
            expressions.append(.compare(first, isEqual: !isInverted, network))
        }
        return Statement(expressions)
    }

    private static func anyBit(of bits: UInt32, _ load: Expression) -> Statement {
        Statement([load, .bitwise(first, mask: bytes(bits), xor: bytes(0)), .compare(first, isEqual: false, bytes(0))])
    }

    private static func noBit(of bits: UInt32, _ load: Expression) -> [Expression] {
        [load, .bitwise(first, mask: bytes(bits), xor: bytes(0)), .compare(first, isEqual: true, bytes(0))]
    }

    /// A number in the host's byte order, as the kernel keeps marks and bits.
    private static func bytes(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
}

/// Interfaces by name: one, or all whose names begin alike.
public struct InterfacePattern: Hashable, Sendable {
    /// The bytes that a name must begin with; one that ends with NUL is a whole name.
    let octets: [UInt8]

    /// One interface.
    public static func named(_ name: String) -> InterfacePattern {
        InterfacePattern(octets: FieldValue.interface(name).octets)
    }

    /// All interfaces whose names begin with a text: `"eth*"`.
    public static func beginning(with text: String) -> InterfacePattern {
        InterfacePattern(octets: Array(text.utf8.prefix(15)))
    }
}
