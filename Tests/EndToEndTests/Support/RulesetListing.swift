// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import LinuxTesting

/// What `nft list ruleset` shows, one line a thing: chains, rules, sets, and each element of a set or map by itself.
///
/// Handles and counters are left out, as are the order of elements and the way `nft` breaks lines.
struct RulesetListing {
    /// The lines; two equal rules of a chain are told apart.
    private(set) var lines: [String] = []

    /// Lists all tables of a namespace.
    init(of namespace: borrowing NetworkNamespace) throws {
        // --stateless: no counters.
        self.init(try Command.run("nft", "--stateless", "list", "ruleset", in: namespace))
    }

    /// Reads what `nft` printed.
    init(_ text: String) {
        var path: [Substring] = []
        var elements = ""
        var occurrences: [String: Int] = [:]
        func add(_ thing: some StringProtocol) {
            let line = "nft \(path.joined(separator: " ")): \(thing)"
            occurrences[line, default: 0] += 1
            let number = occurrences[line] ?? 1
            lines.append(number == 1 ? line : "\(line) #\(number)")
        }
        for line in text.split(separator: "\n").map({ $0.trimmingBlanks }) {
            if !elements.isEmpty || line.hasPrefix("elements = {") {
                elements += " " + (elements.isEmpty ? line.dropFirst("elements = {".count) : line)
                guard elements.hasSuffix("}") else { continue }
                for element in Substring(elements).dropLast().splitAtUnquotedCommas() { add("element \(element)") }
                elements = ""
            } else if line.hasSuffix("{") {
                path.append(line.dropLast(2))
                add("exists")
            } else if line == "}" {
                path.removeLast()
            } else {
                add(line)
            }
        }
    }

    /// The elements of a set or map such as "inet cni masquerade4", as `nft` writes them.
    func elements(of name: String) -> [String] {
        let words = name.split(separator: " ")
        guard words.count == 3 else { return [] }
        let prefixes = ["map", "set"].map { "nft table \(words[0]) \(words[1]) \($0) \(words[2]): element " }
        return lines.compactMap { line in
            prefixes.first { line.hasPrefix($0) }.map { String(line.dropFirst($0.count)) }
        }
    }
}

extension Substring {
    /// Without blanks and tabs at both ends.
    var trimmingBlanks: Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = self.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }

    /// The parts between commas that are not inside a quoted comment.
    fileprivate func splitAtUnquotedCommas() -> [Substring] {
        var isQuoted = false
        return split { character in
            if character == "\"" { isQuoted.toggle() }
            return character == "," && !isQuoted
        }.map(\.trimmingBlanks).filter { !$0.isEmpty }
    }
}
