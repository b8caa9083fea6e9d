// swift-cni, SPDX-License-Identifier: Apache-2.0

/// The version of a release, such as 1.4.0: numbers that count from left to right.
public struct ReleaseVersion: Hashable, Sendable {
    /// The numbers, without zeros at the end.
    private let numbers: [UInt32]
    /// The version as it was written.
    public let text: String

    /// Reads one to four numbers separated by dots; nil when the text is something else.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count) else { return nil }
        var numbers: [UInt32] = []
        for part in parts {
            guard part.allSatisfy({ $0.isASCII && $0.isNumber }), let number = UInt32(part) else { return nil }
            numbers.append(number)
        }
        while numbers.last == 0 { numbers.removeLast() }
        self.numbers = numbers
        self.text = text
    }

    /// Whether two texts are of one version.
    public static func == (left: ReleaseVersion, right: ReleaseVersion) -> Bool { left.numbers == right.numbers }
    /// Versions that are equal have equal hashes.
    public func hash(into hasher: inout Hasher) { hasher.combine(numbers) }
}

extension ReleaseVersion: Comparable {
    /// Whether a version is older than another one.
    public static func < (left: ReleaseVersion, right: ReleaseVersion) -> Bool {
        left.numbers.lexicographicallyPrecedes(right.numbers)
    }
}
