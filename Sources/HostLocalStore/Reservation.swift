// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI

/// What a reservation's file says, in the reference's format: the container's ID, CR LF, the interface's name.
enum Reservation: Hashable {
    /// The address belongs to an attachment. Files of before plugins 0.8 hold the container's ID alone: these have an
    /// empty interface name, and belong to whichever interface of that container asks first.
    case owned(by: AttachmentID)
    /// The file's writer died: it is empty, or holds what no writer writes.
    case torn

    /// Reads a file, tolerating white space around both names.
    init(contents: [UInt8]) {
        guard let text = String(validating: contents, as: UTF8.self) else {
            self = .torn
            return
        }
        // Bytes, not characters: CR LF is a single character to Swift.
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), maxSplits: 1).map(Self.trimmed)
        let names = Self.trimmed(text.utf8[...]).isEmpty ? [] : lines.filter { !$0.isEmpty }
        guard let containerID = names.first, names.allSatisfy(Self.isName) else {
            self = .torn
            return
        }
        self = .owned(by: AttachmentID(containerID: containerID, interfaceName: names.count > 1 ? names[1] : ""))
    }

    /// The contents of the file that reserves an address for an attachment.
    static func contents(for attachment: AttachmentID) -> [UInt8] {
        Array("\(attachment.containerID)\r\n\(attachment.interfaceName)".utf8)
    }

    private static func trimmed(_ text: Substring.UTF8View) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
    }

    private static func isName(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }
}
