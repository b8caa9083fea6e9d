// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
internal import LinuxSystem

/// The two ways out.
enum Terminal {
    /// Whether standard output is read by a person.
    static var isStandardOutput: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes a line to standard output.
    static func write(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// Writes a document to standard output, indented.
    static func write(_ document: JSONValue) { write(String(decoding: document.text(.indented), as: UTF8.self)) }

    /// Writes a line to standard error.
    static func complain(_ text: String) {
        var text = text[...]
        while let last = text.last, last.isNewline { text.removeLast() }
        write("\(text)\n", to: STDERR_FILENO)
    }

    /// Writes rows with their columns aligned; the first is the heading.
    static func write(table rows: [[String]]) {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            write(line)
        }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        let owned = OwnedFileDescriptor(adopting: descriptor)
        // A reader that went away is nobody to tell it to.
        try? owned.writeAll(Array(text.utf8))
        // Standard streams stay open to the end of the process.
        _ = owned.release()
    }
}
