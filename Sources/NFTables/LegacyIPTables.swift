// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// iptables' own tables, which the kernel keeps beside nf_tables where iptables is iptables-legacy; they are out of reach.
public enum LegacyIPTables {
    /// Whether there are tables in the calling thread's namespace in which others keep rules for addresses or forwarding.
    public static var arePresent: Bool {
        ["ip_tables_names", "ip6_tables_names"].contains { name in
            // A file that cannot be read tells nothing, and nothing depends on it.
            guard let contents = try? File.contentsIfPresent(of: "/proc/thread-self/net/\(name)") else { return false }
            let names = String(decoding: contents, as: UTF8.self).split(separator: "\n")
            return names.contains("nat") || names.contains("filter")
        }
    }
}
