// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON
import LinuxSystem
import Overlay
import Testing

@testable import Flanneld

/// What people read about flags, variables, keys and metrics is what there is, and all of it.
@Suite struct `Documented names` {
    private let flags = DaemonFlags.spelling.valued.union(DaemonFlags.spelling.boolean)

    /// Those that are not for everybody.
    private let hidden: Set = ["lease-ttl", "log_backtrace_at"]

    private func text(_ path: String) throws -> String {
        let root = Path.parent(of: Path.parent(of: Path.parent(of: #filePath)))
        return String(decoding: try File.contents(of: "\(root)/\(path)"), as: UTF8.self)
    }

    private var readme: String { get throws { try text("README.md") } }
    private var guide: String { get throws { try text("Sources/Overlay/Documentation.docc/Running-flanneld.md") } }
    private var cluster: String { get throws { try text("netconf/kubernetes/README.md") } }

    /// What is between a heading and the next of its level.
    private func section(_ heading: String, of document: String) throws -> Substring {
        let begin = try #require(document.firstRange(of: "\n\(heading)\n"), "\(heading) is not there").upperBound
        let level = heading.prefix { $0 == "#" }
        let end = document[begin...].firstRange(of: "\n\(level) ")?.lowerBound ?? document.endIndex
        return document[begin..<end]
    }

    /// What `flanneld --help` says: each flag, and its default.
    private func helped() -> [String: String] {
        var defaults: [String: String] = [:]
        // A line of its own for each, however long.
        let text = FlanneldCommand.help.replacing(/\n {10,}/, with: " ")
        for line in text.split(separator: "\n") {
            guard let match = line.firstMatch(of: /^ +--([^ ]+) <[^>]+> .*?(?:\(default: (.*)\))?$/) else { continue }
            defaults[String(match.1)] = match.2.map(String.init) ?? ""
        }
        return defaults
    }

    /// The rows of a section's tables that begin with flags: each flag, and the second cell.
    private func rows(of section: Substring) -> [(flag: String, value: String)] {
        section.split(separator: "\n").filter { $0.hasPrefix("| `--") }.flatMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            return cells[1].matches(of: /`--([^`]+)`/).map { (String($0.1), cells[2].filter { !"` ".contains($0) }) }
        }
    }

    @Test func `a flag that the help shows can be a variable`() {
        let known = Set(helped().keys)
        #expect(known.count > 30)
        #expect(known == flags.subtracting(hidden))
    }

    @Test func `the guide's table has all flags, with their defaults`() throws {
        let expected = helped()
        var rest = Set(expected.keys)
        for (flag, value) in rows(of: try section("## Flags", of: guide)) where flag != "log_backtrace_at" {
            #expect(rest.remove(flag) != nil, "--\(flag) is no flag, or is there twice")
            #expect(value == expected[flag], "--\(flag)")
        }
        #expect(rest.isEmpty, "not in the table")
    }

    @Test func `the documents name no other flags of flanneld`() throws {
        // Of its commands and of Kubernetes' own programs, as far as the sections name them.
        let others: Set = ["help", "json", "allow-downgrade", "allocate-node-cidrs", "pod-network-cidr"]
        for part in [try section("### flanneld", of: readme), try guide[...], try cluster[...]] {
            let named = Set(part.matches(of: /[^\w-]--([a-z][\w-]*)/).map { String($0.1) })
            #expect(named.subtracting(flags).subtracting(others).isEmpty)
        }
        #expect(rows(of: try section("### flanneld", of: readme)).count > 20)
    }

    @Test(arguments: ["README.md", "netconf/kubernetes/README.md", "netconf/systemd/flanneld.service"])
    func `variables are those of flags`(path: String) throws {
        let variables = Set(flags.map { $0.uppercased().replacing("-", with: "_") })
        for match in try text(path).matches(of: /FLANNELD_([A-Z0-9_]+)/) {
            #expect(variables.contains(String(match.1)), "\(match.0)")
        }
    }

    @Test func `the README's table has all keys of a network's configuration`() throws {
        let text = #"{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48"}"#
        let document = String(decoding: try NetworkConfiguration(parsing: text.utf8).json.text(), as: UTF8.self)
        let known = Set(document.matches(of: /"(\w+)":/).map { String($0.1) })
        let rows = try section("### flanneld", of: readme).split(separator: "\n").drop { !$0.hasPrefix("| key |") }
        let named = rows.prefix { $0.hasPrefix("|") }.flatMap { line in
            line.split(separator: "|")[0].matches(of: /`(?:Backend\.)?(\w+)`/).map { String($0.1) }
        }
        #expect(named.sorted() == known.subtracting(["Backend"]).sorted())
    }

    @Test func `the guide's table has all metrics, each with its type`() throws {
        let source = try text("Sources/Tools/flanneld/Flanneld/OverlayNode+Metrics.swift")
        let exported = source.matches(
            of: /text\.(gauge|counters?|value)\(\s*"(flanneld_\w+)",\s*(?:"(gauge|counter)")?/
        )
        #expect(exported.count > 10)
        let described = try section("## Health and metrics", of: guide)
            .matches(of: /(?m)^\| `(flanneld_\w+)(?:\{\w+\})?` \| (\w+) \|/)
        let types = { (pairs: [(Substring, Substring)]) in
            Set(pairs.map { "\($0) \($1 == "counters" ? "counter" : $1)" })
        }
        #expect(types(exported.map { ($0.2, $0.3 ?? $0.1) }) == types(described.map { ($0.1, $0.2) }))
    }
}
