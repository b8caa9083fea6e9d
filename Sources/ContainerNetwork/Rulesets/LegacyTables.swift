// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNIPlugin
internal import LinuxSystem

/// iptables' own tables, which the kernel keeps beside nf_tables where iptables is iptables-legacy.
public enum LegacyTables {
    /// Says so when there are tables in which other plugins keep rules: these are out of our reach.
    public static func warnIfPresent(_ diagnostics: Diagnostics) {
        let isPresent = ["ip_tables_names", "ip6_tables_names"].contains { name in
            // A file that cannot be read tells nothing, and nothing depends on it.
            guard let contents = try? File.contentsIfPresent(of: "/proc/thread-self/net/\(name)") else { return false }
            let names = String(decoding: contents, as: UTF8.self).split(separator: "\n")
            return names.contains("nat") || names.contains("filter")
        }
        if isPresent {
            diagnostics.warn(
                "legacy iptables tables exist; rules of other plugins in them are not touched: see iptables-legacy-save"
            )
        }
    }
}
