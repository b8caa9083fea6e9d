// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting

/// `iptables` and `ip6tables`, those that work on nf_tables.
enum IPTables {
    /// What `iptables-save` prints, without comments, counters, and all that names one of our chains.
    static func rules(on host: TestHost) throws -> [String] {
        try ["iptables-save", "ip6tables-save"].flatMap { program in
            try run([program], on: host).split(separator: "\n").filter { !$0.hasPrefix("#") && !$0.contains("CNI-") }
                .map { line in
                    // ":FORWARD DROP [12:3456]"
                    let words = line.split(separator: " ")
                    return line.hasPrefix(":") ? words.dropLast().joined(separator: " ") : String(line)
                }
        }
    }

    /// Adds rules to those that are there.
    static func restore(_ rules: String, _ family: AddressFamily, on host: TestHost) throws {
        try run([family == .v4 ? "iptables-restore" : "ip6tables-restore", "--noflush"], input: rules, on: host)
    }

    /// Runs one of the programs, which must succeed and must not complain.
    @discardableResult
    static func run(_ words: [String], input: String = "", on host: TestHost) throws -> String {
        let outcome = try host.namespace.run { Result { try Command.outcome(words, input: input) } }.get()
        let output = String(decoding: outcome.standardOutput, as: UTF8.self)
        let errors = String(decoding: outcome.standardError, as: UTF8.self)
        guard outcome.termination == .exited(0), errors.isEmpty, !output.contains("ncompatible") else {
            throw TestFailure("\(words): \(outcome.termination): \(errors) \(output)")
        }
        return output
    }

    /// Saves all rules and restores them, as at a reboot.
    static func saveAndRestore(on host: TestHost) throws {
        for family in ["iptables", "ip6tables"] {
            let saved = try run(["\(family)-save"], on: host)
            try run(["\(family)-restore"], input: saved, on: host)
        }
    }
}
