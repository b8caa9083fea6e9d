// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import RouteNetlink

/// Whose an element of our sets is: what its comment says.
///
/// Only the digests decide; the names behind them are for people, and cut off where the comment ends.
public struct ElementOwner: Hashable, Sendable {
    /// ``AttachmentIdentity/shortDigest``: 32 hexadecimal digits.
    public let identity: String
    /// The network's digest, for GC: 16 hexadecimal digits of SHA-256.
    public let network: String
    /// The container's digest, by which its attachments know each other: 16 hexadecimal digits of SHA-256.
    public let container: String
    /// The host's end of the attachment, whose absence tells that the owner is gone; nil when it has none.
    public let hostInterface: LinkIndex?
    /// "network/interface/container", as far as there was room.
    public let names: String

    /// The owner that an attachment's elements name.
    public init(_ identity: AttachmentIdentity, hostInterface: LinkIndex?) {
        self.identity = identity.shortDigest
        network = Self.digest(network: identity.network)
        container = Self.digest(identity.attachment.containerID)
        self.hostInterface = hostInterface
        names = "\(identity.network)/\(identity.attachment.interfaceName)/\(identity.attachment.containerID)"
    }

    /// Reads a comment; nil for one that is not ours.
    public init?(comment: String) {
        let words = comment.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
        guard words.count == 5, words[0].utf8.count == 32, words[1].utf8.count == 16, words[2].utf8.count == 16,
            let index = UInt32(words[3])
        else { return nil }
        identity = String(words[0])
        network = String(words[1])
        container = String(words[2])
        hostInterface = index == 0 ? nil : LinkIndex(rawValue: index)
        names = String(words[4])
    }

    /// The comment, at most 127 bytes.
    public var comment: String {
        let text = "\(identity) \(network) \(container) \(hostInterface?.rawValue ?? 0) \(names)"
        return String(decoding: text.utf8.prefix(127), as: UTF8.self)
    }

    /// How the chains and comments of a network name it: 16 hexadecimal digits of SHA-256.
    public static func digest(network: String) -> String { digest(network) }

    private static func digest(_ name: String) -> String {
        SHA256.hash(Array(name.utf8)).prefix(8).hexadecimal
    }
}
