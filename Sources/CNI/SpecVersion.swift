// swift-cni, SPDX-License-Identifier: Apache-2.0

// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Versions are written with underscores: v011 could be read two ways.
/// A version of the CNI specification.
public struct SpecVersion: Hashable, Sendable {
    let major: Int
    let minor: Int
    let patch: Int

    private init(_ major: Int, _ minor: Int, _ patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Parses one to three numeric parts separated by dots, as libcni does; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count) else { return nil }
        var numbers = [0, 0, 0]
        for (index, part) in parts.enumerated() {
            guard !part.isEmpty, part.utf8.count <= 6, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(part)
            else { return nil }
            numbers[index] = number
        }
        self.init(numbers[0], numbers[1], numbers[2])
    }

    /// CNI 0.1.0.
    public static let v0_1_0 = SpecVersion(0, 1, 0)
    /// CNI 0.2.0.
    public static let v0_2_0 = SpecVersion(0, 2, 0)
    /// CNI 0.3.0, which brought results with interfaces, and chains.
    public static let v0_3_0 = SpecVersion(0, 3, 0)
    /// CNI 0.3.1.
    public static let v0_3_1 = SpecVersion(0, 3, 1)
    /// CNI 0.4.0, which brought CHECK, and prevResult on DEL.
    public static let v0_4_0 = SpecVersion(0, 4, 0)
    /// CNI 1.0.0.
    public static let v1_0_0 = SpecVersion(1, 0, 0)
    /// CNI 1.1.0, which brought GC, STATUS and route attributes.
    public static let v1_1_0 = SpecVersion(1, 1, 0)

    /// Every version this project speaks, oldest first.
    public static let all: [SpecVersion] = [.v0_1_0, .v0_2_0, .v0_3_0, .v0_3_1, .v0_4_0, .v1_0_0, .v1_1_0]
    /// The newest version this project speaks.
    public static let newest = SpecVersion.v1_1_0

    /// The version of a configuration's `cniVersion` text: absent and empty mean 0.1.0.
    ///
    /// Membership is exact, as in the reference: "0.4" is not "0.4.0".
    public static func configured(_ text: String?) -> SpecVersion? {
        guard let text, !text.isEmpty else { return .v0_1_0 }
        return all.first { $0.description == text }
    }

    /// Whether results have `ip4` and `ip6` members instead of lists.
    public var hasLegacyResult: Bool { self < .v0_3_0 }
    /// Whether addresses in results carry `version` "4" or "6".
    public var hasAddressVersion: Bool { self >= .v0_3_0 && self < .v1_0_0 }
    /// Whether CHECK exists.
    public var hasCheck: Bool { self >= .v0_4_0 }
    /// Whether GC and STATUS exist, and the result fields of 1.1.0.
    public var hasGarbageCollectionAndStatus: Bool { self >= .v1_1_0 }
}

extension SpecVersion: Comparable, CustomStringConvertible {
    /// Order of publication.
    public static func < (lhs: SpecVersion, rhs: SpecVersion) -> Bool {
        (lhs.major, lhs.minor, lhs.patch) < (rhs.major, rhs.minor, rhs.patch)
    }

    /// Three numbers separated by dots.
    public var description: String { "\(major).\(minor).\(patch)" }
}
