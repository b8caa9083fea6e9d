// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNIPlugin
internal import NFTables

/// iptables' own tables, which the kernel keeps beside nf_tables where iptables is iptables-legacy.
public enum LegacyTables {
    /// Says so when there are tables in which other plugins keep rules: these are out of our reach.
    public static func warnIfPresent(_ diagnostics: Diagnostics) {
        if LegacyIPTables.arePresent {
            diagnostics.warn(
                "legacy iptables tables exist; rules of other plugins in them are not touched: see iptables-legacy-save"
            )
        }
    }
}
