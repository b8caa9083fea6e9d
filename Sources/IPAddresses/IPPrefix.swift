// swift-cni, SPDX-License-Identifier: Apache-2.0

/// An address with a prefix length, in CIDR notation (RFC 4632): a subnet, or an interface's address in one.
public struct IPPrefix: Hashable, Sendable {
    /// The address; may have bits set behind the prefix.
    public let address: IPAddress
    /// The prefix length, 0…32 or 0…128.
    public let length: Int

    /// Creates a prefix; nil when the length is outside the family's range.
    public init?(_ address: IPAddress, length: Int) {
        guard (0...address.family.bitWidth).contains(length) else { return nil }
        self.address = address
        self.length = length
    }

    /// The prefix that holds only one address.
    public init(host address: IPAddress) {
        self.address = address
        length = address.family.bitWidth
    }

    /// Parses `address/length`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.count <= 3, parts[1].utf8.first != UInt8(ascii: "+"),
            let address = IPAddress(parts[0]), let length = Int(parts[1])
        else { return nil }
        self.init(address, length: length)
    }

    /// `0.0.0.0/0` or `::/0`.
    public static func everything(_ family: AddressFamily) -> IPPrefix {
        IPPrefix(network: 0, length: 0, family: family)
    }

    /// The family.
    public var family: AddressFamily { address.family }

    /// The subnet: the same prefix with all bits behind it cleared.
    public var network: IPPrefix { IPPrefix(network: address.value & mask, length: length, family: family) }

    /// The first address: the subnet's own.
    public var first: IPAddress { network.address }

    /// The last address; in an IPv4 subnet shorter than /31 its broadcast address.
    public var last: IPAddress { IPPrefix(network: address.value | hostMask, length: length, family: family).address }

    /// Whether no bit behind the prefix is set.
    public var isNetwork: Bool { address.value & hostMask == 0 }

    /// Whether an address is in the subnet.
    public func contains(_ other: IPAddress) -> Bool { other.family == family && other.value & mask == first.value }

    /// Whether another subnet lies wholly in this one.
    public func contains(_ other: IPPrefix) -> Bool { other.length >= length && contains(other.address) }

    /// Whether the two subnets have an address in common.
    public func overlaps(_ other: IPPrefix) -> Bool { contains(other) || other.contains(self) }

    private var hostMask: UInt128 {
        let hostBits = family.bitWidth - length
        return hostBits == 128 ? UInt128.max : (1 << UInt128(hostBits)) - 1
    }

    private var mask: UInt128 { ~hostMask & (family == .v4 ? UInt128(UInt32.max) : UInt128.max) }

    private init(network value: UInt128, length: Int, family: AddressFamily) {
        address =
            switch family {
            case .v4: .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: value)))
            case .v6: .v6(IPv6Address(rawValue: value))
            }
        self.length = length
    }
}

extension IPPrefix: CustomStringConvertible {
    /// CIDR notation.
    public var description: String { "\(address)/\(length)" }
}
