// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

extension Sandbox {
    /// Asks a witness; nil stands for something that is not there.
    func answer(_ question: Look.Question, in place: Place, _ variables: Variables) throws(CaseError) -> JSONValue? {
        switch question {
        case .link(let name): return try ip("link", "show", "dev", variables.expand(name), in: place).first
        case .addresses(let name):
            let entries = try ip("address", "show", "dev", variables.expand(name), in: place)
            let addresses = entries.first?.value(at: "addr_info")?.array ?? []
            return .strings(
                addresses.filter { $0.text("scope") != "link" }.map { "\($0.text("local"))/\($0.text("prefixlen"))" }
            )
        case .routes(let words): return .array(try routes(variables.expand(words), in: place))
        case .sysctl(let name):
            return .string(try shell("cat '/proc/sys/\(variables.expand(name))'", in: place))
        case .file(let path):
            guard let bytes = try? File.contents(of: variables.expand(path)) else { return nil }
            return .string(String(decoding: bytes, as: UTF8.self))
        case .names(let path):
            let names = (try? Directory.names(in: variables.expand(path))) ?? []
            return .strings(
                names.filter { $0 != "lock" && $0 != ".index" && !$0.hasPrefix("last_reserved_ip") }.sorted()
            )
        case .elements(let name): return try elements(of: variables.expand(name), in: place)
        case .json(let script):
            let text = try shell(variables.expand(script), in: place)
            return try decoding("in \(place), \(script)") { () throws(JSONError) in
                try JSONValue(parsing: Array(text.utf8))
            }
        case .text(let script): return .string(try shell(variables.expand(script), in: place))
        }
    }

    /// The elements of a set or map in order, without comments; nil when there is no such set.
    private func elements(of name: String, in place: Place) throws(CaseError) -> JSONValue? {
        let sets = try ruleset(in: place).compactMap { $0.value(at: "set") ?? $0.value(at: "map") }
        let wanted = sets.first { set in
            ["family", "table", "name"].map { set.text($0) }.joined(separator: " ") == name
        }
        return wanted.map { set in .strings((set.value(at: "elem")?.array ?? []).map(\.element).sorted()) }
    }

    /// Routes without those that the kernel makes for link-local and multicast destinations on its own.
    private func routes(_ words: String, in place: Place) throws(CaseError) -> [JSONValue] {
        var words = words.split(separator: " ").map(String.init)
        let family = words.first?.hasPrefix("-") == true ? words.removeFirst() : "-4"
        let script = "ip -j -d \(family) route show \(words.joined(separator: " ")) 2>/dev/null || true"
        let text = try shell(script, in: place)
        let entries = (try? JSONValue(parsing: Array(text.utf8)))?.array ?? []
        return entries.filter { entry in
            let destination = entry.text("dst")
            return !destination.isEmpty && !destination.hasPrefix("fe80:") && !destination.hasPrefix("ff00:")
                && entry.text("type") != "multicast"
        }
    }
}

extension JSONValue {
    /// An element as nft's own language has it: `cni0 . 10.1.0.2 : jump chain`.
    fileprivate var element: String {
        if let pair = array { return pair.map(\.element).joined(separator: " : ") }
        if let parts = value(at: "concat")?.array { return parts.map(\.element).joined(separator: " . ") }
        if let key = value(at: "elem.val") { return key.element }
        guard let member = object?.members.first else {
            return string ?? String(decoding: text(), as: UTF8.self)
        }
        let target = member.value.text("target")
        return target.isEmpty ? member.key : "\(member.key) \(target)"
    }
}
