// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNIPlugin
public import JSON

/// What configurations call the tool that keeps the rules; all of them are served by nf_tables.
public enum RulesetBackend: String, Hashable, Sendable, CaseIterable {
    /// Served by nf_tables, with a warning.
    case iptables
    /// What is there.
    case nftables

    /// Reads a key; absent or empty leaves the choice to us.
    public init(_ node: JSONNode?) throws(JSONError) {
        guard let node, case let text = try node.string(), !text.isEmpty else {
            self = .nftables
            return
        }
        guard let backend = RulesetBackend(rawValue: text) else {
            let known = Self.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
            throw node.invalid("is \"\(text)\", must be \(known)")
        }
        self = backend
    }

    /// Says that a wish for iptables is served otherwise.
    public static func warnAboutIptables(_ key: String, _ diagnostics: Diagnostics) {
        diagnostics.warn("\(key): iptables is served by nf_tables, in tables of our own; iptables -S will not show it")
    }
}
