// swift-cni, SPDX-License-Identifier: Apache-2.0

/// An IPv4 address (RFC 791).
public struct IPv4Address: Hashable, Sendable {
    /// The address as a number; the first octet is the most significant.
    public let rawValue: UInt32

    /// Creates an address from a number whose most significant octet comes first.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Parses four decimal octets without leading zeros; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var value: UInt32 = 0
        var octet: UInt32 = 0
        var digits = 0
        var octets = 1
        for byte in text.utf8 {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, octets < 4 else { return nil }
                value = value << 8 | octet
                octet = 0
                digits = 0
                octets += 1
            } else {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                // A leading zero means octal to some readers: refused, so that all agree.
                if digits > 0 && octet == 0 { return nil }
                octet = octet * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
                guard octet <= 255 else { return nil }
            }
        }
        guard octets == 4, digits > 0 else { return nil }
        rawValue = value << 8 | octet
    }

    /// The four octets in network order.
    public var octets: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: rawValue >> (24 - 8 * $0)) } }
}

extension IPv4Address: Comparable, CustomStringConvertible {
    /// Numeric order.
    public static func < (lhs: IPv4Address, rhs: IPv4Address) -> Bool { lhs.rawValue < rhs.rawValue }

    /// Dotted decimal.
    public var description: String { octets.map { "\($0)" }.joined(separator: ".") }
}
