// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Rules for the names that the specification lets a runtime choose.
///
/// All of them end up in paths.
public enum Identifier {
    /// The longest network name in bytes: it names a directory (NAME_MAX).
    public static let maximumNetworkNameLength = 255

    /// Checks a network name.
    ///
    /// - Returns: What is wrong, or nil.
    public static func problem(withNetworkName name: String) -> String? {
        guard name.utf8.count <= maximumNetworkNameLength else {
            return "is longer than \(maximumNetworkNameLength) bytes"
        }
        return problem(withName: name)
    }

    /// Checks a container ID or a network name: an alphanumeric first, then also `_`, `.` and `-`.
    ///
    /// - Returns: What is wrong, or nil.
    public static func problem(withName name: String) -> String? {
        guard let first = name.utf8.first else { return "is empty" }
        guard isAlphanumeric(first) else { return "must start with a letter or a digit" }
        guard name.utf8.allSatisfy({ isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }) else {
            return "may only hold letters, digits, '_', '.' and '-'"
        }
        return nil
    }

    /// Checks an interface name by the kernel's rules (`dev_valid_name`): 1 to 15 bytes, no '/', ':' or white space.
    ///
    /// - Returns: What is wrong, or nil.
    public static func problem(withInterfaceName name: String) -> String? {
        guard !name.isEmpty else { return "is empty" }
        guard name.utf8.count <= 15 else { return "is longer than 15 bytes" }
        guard name != "." && name != ".." else { return "is not a name" }
        for byte in name.utf8 where byte <= 0x20 || byte == 0x2f || byte == 0x3a || byte == 0x7f {
            return "may not hold '/', ':', white space or control characters"
        }
        return nil
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
}

/// One interface of one container: what a network's state is keyed by.
public struct AttachmentID: Hashable, Sendable {
    /// The runtime's name of the container, `CNI_CONTAINERID`.
    public let containerID: String
    /// The interface's name inside the container, `CNI_IFNAME`.
    public let interfaceName: String

    /// Names an attachment.
    public init(containerID: String, interfaceName: String) {
        self.containerID = containerID
        self.interfaceName = interfaceName
    }
}

extension AttachmentID: CustomStringConvertible {
    /// "container/interface".
    public var description: String { "\(containerID)/\(interfaceName)" }
}

/// An attachment in a network: the identity that kernel state of ours carries.
public struct AttachmentIdentity: Hashable, Sendable {
    /// The network's name.
    public let network: String
    /// The container and its interface.
    public let attachment: AttachmentID
    /// SHA-256 over the three names, each preceded by its length as eight bytes, most significant first:
    /// no two different triples give the same input.
    public let digest: [UInt8]

    /// Names an attachment in a network.
    public init(network: String, attachment: AttachmentID) {
        self.network = network
        self.attachment = attachment
        var input: [UInt8] = []
        for name in [network, attachment.containerID, attachment.interfaceName] {
            let length = UInt64(name.utf8.count)
            input += (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * UInt64($0))) }
            input += Array(name.utf8)
        }
        digest = SHA256.hash(input)
    }

    /// The first 128 bits of the digest as 32 hexadecimal digits.
    public var shortDigest: String { digest.prefix(16).hexadecimal }

    /// The host end of the attachment's veth pair: "veth" and 11 base-32 characters (RFC 4648, lower case) of the
    /// digest, so that a later DEL finds it without any other knowledge.
    public var hostInterfaceName: String { "veth" + digest.base32Prefix(11) }

    /// ``hostInterfaceName`` where only ``shortDigest`` is known.
    ///
    /// - Returns: nil for what is not 32 hexadecimal digits.
    public static func hostInterfaceName(shortDigest: String) -> String? {
        let digits = shortDigest.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
        guard shortDigest.utf8.count == 32, digits.count == 32 else { return nil }
        let bytes = stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        return "veth" + bytes.base32Prefix(11)
    }

    /// Whether a name has the form of ``hostInterfaceName``.
    public static func isHostInterfaceName(_ name: String) -> Bool {
        name.utf8.count == 15 && name.hasPrefix("veth")
            && name.utf8.dropFirst(4).allSatisfy { (0x61...0x7a).contains($0) || (0x32...0x37).contains($0) }
    }
}

extension Collection<UInt8> {
    /// Two lower-case hexadecimal digits a byte.
    public var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The first characters of the lower-case base-32 form.
    func base32Prefix(_ count: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for byte in self {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 && text.count < count {
                bits -= 5
                text.append(alphabet[Int(buffer >> bits & 31)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
