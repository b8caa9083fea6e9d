// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
public import LinuxSystem

/// `status.json` beside `subnet.env`: what the `flannel` plugin tells of this node's overlay.
///
/// `{"state":"ready","lastError":"","since":"2026-11-23T14:00:00Z"}`
public struct StatusFile: Hashable, Sendable {
    /// How far the overlay is.
    public enum State: String, Hashable, Sendable {
        /// It has not been ready since the daemon's start.
        case starting
        /// The first snapshot is programmed.
        case ready
        /// It was ready, and now packets are known not to arrive.
        case degraded
    }

    /// How far the overlay is.
    public var state: State
    /// The last error that still matters; "" for none.
    public var lastError: String
    /// Since when the state is what it is, in seconds since 1970.
    public var since: Int64

    /// Describes a state.
    public init(_ state: State, lastError: String = "", since: Int64) {
        self.state = state
        self.lastError = lastError
        self.since = since
    }

    /// Where it is, given the path of `subnet.env`.
    public static func path(beside subnetFile: String) -> String { "\(Path.parent(of: subnetFile))/status.json" }

    /// The file's bytes.
    public var text: [UInt8] {
        JSONValue.object(
            JSONObject([
                ("state", .string(state.rawValue)), ("lastError", .string(lastError)),
                ("since", .string(Timestamp.text(since))),
            ])
        ).text()
    }

    /// Reads what was written; nil when there is nothing, or nothing that can be read.
    public init?(at path: String) {
        guard let contents = try? File.contentsIfPresent(of: path, limit: 64 << 10),
            let document = try? JSONNode(JSONValue(parsing: contents)),
            let state = try? document.requiredMember("state").string(),
            let known = State(rawValue: state),
            let since = try? Timestamp.seconds(document.requiredMember("since").string())
        else { return nil }
        self.init(known, lastError: (try? document["lastError"]?.string()) ?? "", since: since)
    }

    /// Replaces the file at once; readers see the old one or the new one.
    public func write(to path: String) throws(SystemCallError) {
        try Directory.create(Path.parent(of: path), mode: 0o755)
        try File.replace(path, with: text, mode: 0o644)
    }
}
