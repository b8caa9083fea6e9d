// swift-cni, SPDX-License-Identifier: Apache-2.0

/// An Ethernet address (EUI-48).
public struct MACAddress: Hashable, Sendable {
    /// The octets as a number of 48 bits: thousands of addresses are kept and compared, and this needs no memory elsewhere.
    @usableFromInline let number: UInt64

    /// The six octets in the order they are sent.
    public var octets: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: number >> (40 - 8 * $0)) } }

    @inlinable init(sixOctets: some Sequence<UInt8>) { number = sixOctets.reduce(0) { $0 << 8 | UInt64($1) } }

    /// Creates an address from six octets; nil for another count.
    ///
    /// Inlinable, as thousands are read at a time, and unspecialized it takes ten times as long.
    @inlinable public init?(octets: some Collection<UInt8>) {
        guard octets.count == 6 else { return nil }
        self.init(sixOctets: octets)
    }

    /// Parses six pairs of hexadecimal digits separated by colons or by hyphens, or three groups of four by dots.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard let separator = bytes.first(where: { !$0.isHexDigit }) else { return nil }
        let width: Int
        switch separator {
        case UInt8(ascii: ":"), UInt8(ascii: "-"): width = 2
        case UInt8(ascii: "."): width = 4
        default: return nil
        }
        let groups = bytes.split(separator: separator, omittingEmptySubsequences: false)
        guard groups.count == 12 / width else { return nil }
        var octets: [UInt8] = []
        for group in groups {
            guard group.count == width, group.allSatisfy(\.isHexDigit),
                let value = UInt16(String(decoding: group, as: UTF8.self), radix: 16)
            else { return nil }
            if width == 4 { octets.append(UInt8(value >> 8)) }
            octets.append(UInt8(truncatingIfNeeded: value))
        }
        self.init(sixOctets: octets)
    }

    /// A locally administered unicast address made of the first six of some hash's bytes (IEEE 802, 8.2.2).
    public init?(hash: some Collection<UInt8>) {
        guard hash.count >= 6 else { return nil }
        var octets = Array(hash.prefix(6))
        octets[0] = octets[0] & 0xfc | 0x02
        self.init(sixOctets: octets)
    }

    /// Whether it names a group instead of one station.
    public var isMulticast: Bool { number >> 40 & 1 == 1 }

    /// Whether all octets are zero.
    public var isZero: Bool { number == 0 }
}

extension MACAddress: CustomStringConvertible {
    /// Lower-case pairs separated by colons, as the kernel prints them.
    public var description: String {
        octets.map { $0 < 16 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }.joined(separator: ":")
    }
}
