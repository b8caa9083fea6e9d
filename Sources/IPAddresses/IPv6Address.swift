// swift-cni, SPDX-License-Identifier: Apache-2.0

/// An IPv6 address (RFC 4291) without a zone.
public struct IPv6Address: Hashable, Sendable {
    /// The address as a number; the first octet is the most significant.
    public let rawValue: UInt128

    /// Creates an address from a number whose most significant octet comes first.
    public init(rawValue: UInt128) { self.rawValue = rawValue }

    /// Parses the forms of RFC 4291, section 2.2, with `::` and with a trailing dotted quad; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Substring($0) }
        guard parts.count >= 3 else { return nil }
        // "::" at either end leaves two empty parts there; one of them says nothing.
        if parts.first?.isEmpty == true {
            guard parts[1].isEmpty else { return nil }
            parts.removeFirst()
        }
        if parts.last?.isEmpty == true {
            guard parts[parts.count - 2].isEmpty else { return nil }
            parts.removeLast()
        }
        var groups: [UInt16] = []
        var gap: Int?
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                guard gap == nil else { return nil }
                gap = groups.count
            } else if index == parts.count - 1, part.contains(".") {
                guard let quad = IPv4Address(part) else { return nil }
                groups.append(UInt16(quad.rawValue >> 16))
                groups.append(UInt16(quad.rawValue & 0xffff))
            } else {
                guard part.utf8.count <= 4, part.utf8.allSatisfy(\.isHexDigit), let group = UInt16(part, radix: 16)
                else {
                    return nil
                }
                groups.append(group)
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        rawValue = groups.reduce(0) { $0 << 16 | UInt128($1) }
    }

    /// The sixteen octets in network order.
    public var octets: [UInt8] { (0..<16).map { UInt8(truncatingIfNeeded: rawValue >> (120 - 8 * $0)) } }

    /// The eight groups of sixteen bits.
    var groups: [UInt16] { (0..<8).map { UInt16(truncatingIfNeeded: rawValue >> (112 - 16 * $0)) } }

    /// The address inside `::ffff:0:0/96`, if it is one of these (RFC 4291, section 2.5.5.2).
    public var mappedIPv4: IPv4Address? {
        rawValue >> 32 == 0xffff ? IPv4Address(rawValue: UInt32(truncatingIfNeeded: rawValue)) : nil
    }
}

extension IPv6Address: Comparable, CustomStringConvertible {
    /// Numeric order.
    public static func < (lhs: IPv6Address, rhs: IPv6Address) -> Bool { lhs.rawValue < rhs.rawValue }

    /// The canonical text of RFC 5952: lower case, the first longest run of two or more zero groups shortened.
    public var description: String {
        if let mapped = mappedIPv4 { return "::ffff:\(mapped)" }
        let groups = groups
        var longest = 0..<0
        var start: Int?
        for index in 0...8 {
            if index < 8, groups[index] == 0 {
                if start == nil { start = index }
            } else if let begin = start {
                if index - begin > max(longest.count, 1) { longest = begin..<index }
                start = nil
            }
        }
        let text = groups.map { String($0, radix: 16) }
        if longest.isEmpty { return text.joined(separator: ":") }
        return text[..<longest.lowerBound].joined(separator: ":") + "::"
            + text[longest.upperBound...].joined(separator: ":")
    }
}

extension UInt8 {
    var isHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
