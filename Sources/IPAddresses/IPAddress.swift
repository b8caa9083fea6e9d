// swift-cni, SPDX-License-Identifier: Apache-2.0

/// The two families of addresses.
public enum AddressFamily: Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// IPv4.
    case v4
    /// IPv6.
    case v6

    /// The length of an address in bits: 32 or 128.
    public var bitWidth: Int { self == .v4 ? 32 : 128 }

    /// "IPv4" or "IPv6".
    public var description: String { self == .v4 ? "IPv4" : "IPv6" }
}

/// An address of either family.
public enum IPAddress: Hashable, Sendable {
    /// An IPv4 address.
    case v4(IPv4Address)
    /// An IPv6 address.
    case v6(IPv6Address)

    /// Parses either family; an IPv4-mapped IPv6 address stays IPv6 (see ``unmapped``).
    public init?(_ text: some StringProtocol) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    /// Creates an address from its number; bits above an IPv4 address's 32 must be zero.
    public init?(family: AddressFamily, value: UInt128) {
        switch family {
        case .v4:
            guard let small = UInt32(exactly: value) else { return nil }
            self = .v4(IPv4Address(rawValue: small))
        case .v6: self = .v6(IPv6Address(rawValue: value))
        }
    }

    /// Creates an address from 4 or 16 octets in network order; nil for another count.
    ///
    /// Inlinable, as thousands are read at a time, and unspecialized it takes ten times as long.
    @inlinable public init?(octets: some Collection<UInt8>) {
        switch octets.count {
        case 4: self = .v4(IPv4Address(rawValue: octets.reduce(0) { $0 << 8 | UInt32($1) }))
        case 16: self = .v6(IPv6Address(rawValue: octets.reduce(0) { $0 << 8 | UInt128($1) }))
        default: return nil
        }
    }

    /// The family.
    public var family: AddressFamily {
        switch self {
        case .v4: .v4
        case .v6: .v6
        }
    }

    /// The address as a number of 32 or 128 bits.
    public var value: UInt128 {
        switch self {
        case .v4(let address): UInt128(address.rawValue)
        case .v6(let address): address.rawValue
        }
    }

    /// The octets in network order, 4 or 16.
    public var octets: [UInt8] {
        switch self {
        case .v4(let address): address.octets
        case .v6(let address): address.octets
        }
    }

    /// The IPv4 address inside an IPv4-mapped one; any other address as it is.
    public var unmapped: IPAddress {
        if case .v6(let address) = self, let mapped = address.mappedIPv4 { return .v4(mapped) }
        return self
    }

    /// The address that follows, or nil at the end of the family.
    public var next: IPAddress? {
        value == IPAddress.highest(family) ? nil : IPAddress(family: family, value: value + 1)
    }

    /// Whether it is `0.0.0.0` or `::`.
    public var isUnspecified: Bool { value == 0 }

    /// Whether it is in `127.0.0.0/8` or `::1`.
    public var isLoopback: Bool {
        switch self {
        case .v4(let address): address.rawValue >> 24 == 127
        case .v6(let address): address.rawValue == 1
        }
    }

    /// Whether it is in `169.254.0.0/16` or `fe80::/10`.
    public var isLinkLocal: Bool {
        switch self {
        case .v4(let address): address.rawValue >> 16 == 0xa9fe
        case .v6(let address): address.rawValue >> 118 == 0xfe80 >> 6
        }
    }

    /// Whether it is in `224.0.0.0/4` or `ff00::/8`.
    public var isMulticast: Bool {
        switch self {
        case .v4(let address): address.rawValue >> 28 == 0xe
        case .v6(let address): address.rawValue >> 120 == 0xff
        }
    }

    private static func highest(_ family: AddressFamily) -> UInt128 {
        family == .v4 ? UInt128(UInt32.max) : UInt128.max
    }
}

extension IPAddress: Comparable, CustomStringConvertible {
    /// IPv4 before IPv6, then numeric order.
    public static func < (lhs: IPAddress, rhs: IPAddress) -> Bool {
        lhs.family == rhs.family ? lhs.value < rhs.value : lhs.family == .v4
    }

    /// The canonical text of the family.
    public var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}
