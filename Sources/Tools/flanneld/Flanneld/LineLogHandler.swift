// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
internal import LinuxSystem
internal import Logging
internal import Overlay

/// Writes log messages to standard error, one line each: for a person, or as JSON.
struct LineLogHandler: LogHandler {
    /// How a line is written.
    enum Format: String, CaseIterable {
        /// `2026-11-23T15:04:05Z info  has lease 10.244.3.0/24`
        case text
        /// `{"time":"2026-11-23T15:04:05Z","level":"info","message":"has lease 10.244.3.0/24"}`
        case json
    }

    let format: Format
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    init(_ format: Format) { self.format = format }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = Timestamp.text(SystemClock.now / 1_000_000_000)
        let pairs = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let line: [UInt8]
        switch format {
        case .text:
            let level = event.level.rawValue
            let suffix = pairs.map { " \($0.key)=\($0.value)" }.joined()
            line = Array(
                "\(time) \(level)\(String(repeating: " ", count: max(1, 8 - level.count)))\(event.message)\(suffix)\n"
                    .utf8
            )
        case .json:
            var members = JSONObject([
                ("time", .string(time)), ("level", .string(event.level.rawValue)),
                ("message", .string("\(event.message)")),
            ])
            for (key, value) in pairs where members[key] == nil { members[key] = .string("\(value)") }
            line = JSONValue.object(members).text() + [UInt8(ascii: "\n")]
        }
        StandardStream.error.write(line)
    }
}

/// Standard output and standard error, written whole.
enum StandardStream: Int32 {
    /// What was asked for.
    case output = 1
    /// What went wrong, and the log.
    case error = 2

    /// Writes bytes; a reader that went away is nobody to tell it to.
    func write(_ bytes: [UInt8]) {
        let owned = OwnedFileDescriptor(adopting: rawValue)
        try? owned.writeAll(bytes)
        // Standard streams stay open to the end of the process.
        _ = owned.release()
    }

    /// Writes a line.
    func write(line: String) { write(Array("\(line)\n".utf8)) }
}
