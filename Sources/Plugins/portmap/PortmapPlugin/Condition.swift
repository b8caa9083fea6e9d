// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import IPAddresses
internal import JSON
internal import NFTables

/// What packets must be like for a network's port maps: an element of `conditionsV4` or `conditionsV6`.
struct Condition: Hashable {
    /// What is compared.
    enum Subject: Hashable {
        /// The source is in a prefix.
        case source(IPPrefix)
        /// The destination is in a prefix.
        case destination(IPPrefix)
        /// The interface a packet came in by has this name, or one that begins so.
        case inputInterface(String, isPrefix: Bool)
    }

    /// What is compared.
    let subject: Subject
    /// Whether it must not hold.
    let isInverted: Bool

    /// As nft writes it.
    var text: String {
        let not = isInverted ? "!= " : ""
        switch subject {
        case .source(let prefix): return "saddr \(not)\(prefix)"
        case .destination(let prefix): return "daddr \(not)\(prefix)"
        case .inputInterface(let name, let isPrefix): return "iifname \(not)\(name)\(isPrefix ? "*" : "")"
        }
    }

    /// The match that holds where the condition does not.
    var violation: Statement {
        switch subject {
        case .source(let prefix): .source(prefix, isInverted: !isInverted)
        case .destination(let prefix): .destination(prefix, isInverted: !isInverted)
        case .inputInterface(let name, let isPrefix):
            .inputInterface(isPrefix ? .beginning(with: name) : .named(name), isInverted: !isInverted)
        }
    }

    /// Reads a key's list of words, in iptables' language or nft's.
    ///
    /// - Throws: ``CNIError`` with code 2 for words that say anything else.
    static func list(_ root: JSONNode, key: String, _ family: AddressFamily) throws(CNIError) -> [Condition] {
        let words: [String]
        do { words = try root[key]?.strings() ?? [] } catch { throw CNIError(error) }
        // Some write all words into one string.
        var parser = ConditionParser(words.flatMap { $0.split(separator: " ").map(String.init) }, family)
        var conditions: [Condition] = []
        while !parser.isAtEnd {
            guard let condition = parser.next() else {
                throw CNIError(
                    .unsupportedField,
                    "network configuration: \(key): \"\(words.joined(separator: " "))\" is not served",
                    details: "served are source, destination and input interface, as in \"! -s 192.0.2.0/24\", "
                        + "\"-i eth0\", \"\(family == .v4 ? "ip" : "ip6") daddr != …\" or \"iifname eth0\"; "
                        + "the first word not understood: \(parser.rest.first ?? "the end")"
                )
            }
            conditions.append(condition)
        }
        return conditions
    }
}

/// Reads conditions word by word.
private struct ConditionParser {
    private(set) var rest: ArraySlice<String>
    private let family: AddressFamily

    init(_ words: [String], _ family: AddressFamily) {
        rest = words[...]
        self.family = family
    }

    var isAtEnd: Bool { rest.isEmpty }

    /// The next condition; nil when the words say something else, and then nothing is taken.
    mutating func next() -> Condition? {
        let start = rest
        if let condition = iptables() ?? nft() { return condition }
        rest = start
        return nil
    }

    /// `[!] -s PREFIX`, `[!] -d PREFIX`, `[!] -i NAME`.
    private mutating func iptables() -> Condition? {
        let start = rest
        let isInverted = take("!")
        if let subject = iptablesSubject() { return Condition(subject: subject, isInverted: isInverted) }
        rest = start
        return nil
    }

    private mutating func iptablesSubject() -> Condition.Subject? {
        guard let option = rest.popFirst() else { return nil }
        switch option {
        case "-s", "--source", "--src": return prefix().map { .source($0) }
        case "-d", "--destination", "--dst": return prefix().map { .destination($0) }
        case "-i", "--in-interface": return interface(wildcard: "+")
        default: return nil
        }
    }

    /// `ip saddr [==|!=] PREFIX`, `ip daddr …`, `[meta] iifname …`.
    private mutating func nft() -> Condition? {
        let keyword = family == .v4 ? "ip" : "ip6"
        var makes: ((IPPrefix) -> Condition.Subject)?
        if take(keyword) {
            if take("saddr") { makes = { .source($0) } } else if take("daddr") { makes = { .destination($0) } }
            guard makes != nil else { return nil }
        } else {
            _ = take("meta")
            guard take("iifname") else { return nil }
        }
        let isInverted = take("!=")
        if !isInverted { _ = take("==") || take("eq") }
        let subject = makes.map { make in prefix().map(make) } ?? interface(wildcard: "*")
        return subject.map { Condition(subject: $0, isInverted: isInverted) }
    }

    private mutating func take(_ word: String) -> Bool {
        guard rest.first == word else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func prefix() -> IPPrefix? {
        guard let word = rest.popFirst() else { return nil }
        let prefix = IPPrefix(word) ?? IPAddress(word).map { IPPrefix(host: $0) }
        return prefix?.family == family ? prefix : nil
    }

    private mutating func interface(wildcard: String) -> Condition.Subject? {
        guard var name = rest.popFirst() else { return nil }
        if name.count > 2, name.hasPrefix("\""), name.hasSuffix("\"") { name = String(name.dropFirst().dropLast()) }
        let isPrefix = name.hasSuffix(wildcard)
        if isPrefix { name = String(name.dropLast()) }
        guard Identifier.problem(withInterfaceName: name) == nil else { return nil }
        return .inputInterface(name, isPrefix: isPrefix)
    }
}
