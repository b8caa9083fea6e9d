// swift-cni, SPDX-License-Identifier: Apache-2.0

/// The family of a table: which packets its chains see (nft(8), "ADDRESS FAMILIES").
public struct TableFamily: RawRepresentable, Hashable, Sendable {
    /// `nfgen_family`.
    public let rawValue: UInt8
    /// Names a family by its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// IPv4 and IPv6 packets.
    ///
    /// The corresponding C constant is `NFPROTO_INET`.
    public static var inet: TableFamily { TableFamily(rawValue: 1) }
    /// IPv4 packets.
    ///
    /// The corresponding C constant is `NFPROTO_IPV4`.
    public static var ip: TableFamily { TableFamily(rawValue: 2) }
    /// Frames that pass a bridge.
    ///
    /// The corresponding C constant is `NFPROTO_BRIDGE`.
    public static var bridge: TableFamily { TableFamily(rawValue: 7) }
    /// IPv6 packets.
    ///
    /// The corresponding C constant is `NFPROTO_IPV6`.
    public static var ip6: TableFamily { TableFamily(rawValue: 10) }
}

extension TableFamily: CustomStringConvertible {
    /// The word nft uses.
    public var description: String {
        switch self {
        case .inet: "inet"
        case .ip: "ip"
        case .bridge: "bridge"
        case .ip6: "ip6"
        default: "family \(rawValue)"
        }
    }
}

/// A table: what all else of a ruleset lives in.
public struct Table: Hashable, Sendable, CustomStringConvertible {
    /// Which packets its chains see.
    public let family: TableFamily
    /// The name, unique in its family.
    public let name: String

    /// Names a table.
    public init(_ family: TableFamily, _ name: String) {
        self.family = family
        self.name = name
    }

    /// As nft writes it, such as "inet cni".
    public var description: String { "\(family) \(name)" }
}
