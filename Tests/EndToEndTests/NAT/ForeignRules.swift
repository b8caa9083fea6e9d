// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import LinuxTesting
import Testing

/// Rules that others have on a host, in the shape they have there.
enum ForeignRules: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// An administrator's `iptables -P FORWARD DROP`.
    case dropPolicy = "iptables -P FORWARD DROP"
    /// Docker, as it is after its start, with one published port of its own.
    case docker = "Docker's chains"

    var testDescription: String { rawValue }

    /// Puts the rules where they belong, with iptables-nft, for both families.
    func apply(to host: TestHost) throws {
        for (restore, address) in [("iptables-restore", "172.17.0"), ("ip6tables-restore", "fd00:d0c:")] {
            let words = [restore, "--noflush"]
            let rules = rules(container: "\(address)\(restore == "iptables-restore" ? ".2" : ":2")")
            _ = try host.namespace.run { Result { try Command.run(words, input: rules) } }.get()
        }
        if self == .docker { try host.run("ip", "link", "add", "docker0", "up", "type", "bridge") }
    }

    private func rules(container: String) -> String {
        switch self {
        case .dropPolicy:
            """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD DROP [0:0]
            :OUTPUT ACCEPT [0:0]
            COMMIT

            """
        case .docker:
            """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD DROP [0:0]
            :OUTPUT ACCEPT [0:0]
            :DOCKER - [0:0]
            :DOCKER-ISOLATION-STAGE-1 - [0:0]
            :DOCKER-ISOLATION-STAGE-2 - [0:0]
            :DOCKER-USER - [0:0]
            -A FORWARD -j DOCKER-USER
            -A FORWARD -j DOCKER-ISOLATION-STAGE-1
            -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A FORWARD -o docker0 -j DOCKER
            -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
            -A FORWARD -i docker0 -o docker0 -j ACCEPT
            -A DOCKER -d \(container) ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
            -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
            -A DOCKER-ISOLATION-STAGE-1 -j RETURN
            -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
            -A DOCKER-ISOLATION-STAGE-2 -j RETURN
            -A DOCKER-USER -j RETURN
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :DOCKER - [0:0]
            -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
            -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
            -A POSTROUTING -s \(container) ! -o docker0 -j MASQUERADE
            -A DOCKER -i docker0 -j RETURN
            -A DOCKER ! -i docker0 -p tcp -m tcp --dport 9999 -j DNAT --to-destination \(bracketed(container)):80
            COMMIT

            """
        }
    }

    private func bracketed(_ address: String) -> String { address.contains(":") ? "[\(address)]" : address }
}

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
