// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses

/// Which addresses some attachments hold: the part of the side index that answers DEL and CHECK.
///
/// Attachments are spread over 256 buckets by the first digits of their digest, 40 to a bucket at 10,000. A file for
/// each attachment would be read a little faster, but making an inode is the dearest step of an ADD on ext4.
struct HolderBucket: Hashable {
    /// The file: a line for each address, the holder's digest in 32 hexadecimal digits, a space, the address.
    private(set) var contents: [UInt8] = []

    /// The name of the bucket that a holder is in.
    static func name(for holder: String) -> String { String(holder.prefix(2)) }

    /// A bucket without holders.
    init() {}

    /// Reads a bucket's file; nil when a line is cut off.
    ///
    /// What a line says is verified against the reservation before anything is done about it.
    init?(contents: [UInt8]) {
        if let last = contents.last, last != Self.lineEnd { return nil }
        self.contents = contents
    }

    /// The addresses a holder has, in the order they were inserted.
    func addresses(of holder: String) -> [IPAddress] {
        let prefix = Array("\(holder) ".utf8)
        return contents.split(separator: Self.lineEnd).filter { $0.starts(with: prefix) }
            .compactMap { IPAddress(String(decoding: $0.dropFirst(prefix.count), as: UTF8.self)) }
    }

    /// Adds an address to a holder's; it must not be there yet.
    mutating func insert(_ address: IPAddress, of holder: String) {
        contents += Array(line(address, holder))
    }

    /// Removes an address from a holder's; it may be absent.
    mutating func remove(_ address: IPAddress, of holder: String) {
        let line = Array(line(address, holder).dropLast())
        let kept = contents.split(separator: Self.lineEnd).filter { !$0.elementsEqual(line) }
        contents = kept.flatMap { $0 + [Self.lineEnd] }
    }

    private func line(_ address: IPAddress, _ holder: String) -> String.UTF8View { "\(holder) \(address)\n".utf8 }

    private static let lineEnd = UInt8(ascii: "\n")
}
