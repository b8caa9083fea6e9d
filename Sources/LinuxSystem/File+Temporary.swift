// swift-cni, SPDX-License-Identifier: Apache-2.0

extension File {
    /// Whether a name is that of a temporary which a replacement or creation of a file was killed in.
    ///
    /// - Parameters:
    ///   - name: A name in the file's directory.
    ///   - target: The file's own name.
    public static func isTemporary(_ name: String, of target: String) -> Bool {
        let prefix = ".\(String(Substring(target.utf8.prefix(230))))."
        guard name.hasPrefix(prefix), name.hasSuffix(".tmp"), name.utf8.count > prefix.utf8.count + 4 else {
            return false
        }
        return name.utf8.dropFirst(prefix.utf8.count).dropLast(4).allSatisfy { (0x30...0x39).contains($0) }
    }
}
