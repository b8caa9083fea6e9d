// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

extension Snapshot {
    /// What `nft -j list ruleset` says, a line for each table, chain, set, element and rule.
    ///
    /// Handles, counters and the order of rules are left out: they differ after a rule has come and gone. Of rules that
    /// read the same each is a line.
    static func descriptions(ofRuleset entries: [JSONValue]) -> Set<String> {
        var counts: [String: Int] = [:]
        for entry in entries {
            guard let member = entry.object?.members.first, member.key != "metainfo" else { continue }
            for line in lines(member.key, member.value) { counts[line, default: 0] += 1 }
        }
        return Set(counts.flatMap { line, count in (1...count).map { $0 == 1 ? line : "\(line) (\($0))" } })
    }

    private static func lines(_ kind: String, _ value: JSONValue) -> [String] {
        var members = value.settled.object ?? JSONObject()
        let elements = members["elem"]?.array ?? []
        members["elem"] = nil
        let place = ["family", "table", "chain", "name"].map { value.text($0) }.filter { !$0.isEmpty }
        for key in ["family", "table", "chain", "name"] { members[key] = nil }
        let name = place.joined(separator: " ")
        let object = "nft \(kind) \(name) \(String(decoding: JSONValue.object(members).text(), as: UTF8.self))"
        return [object]
            + elements.map { "nft element of \(name): \(String(decoding: $0.text(), as: UTF8.self))" }
    }
}

extension JSONValue {
    /// The value without what changes on its own: handles, counters, how long an element has left.
    fileprivate var settled: JSONValue {
        switch self {
        case .array(let elements): .array(elements.map(\.settled))
        case .object(let object):
            .object(
                JSONObject(
                    object.members.filter { !["handle", "expires"].contains($0.key) }.map { member in
                        (member.key, member.key == "counter" ? .null : member.value.settled)
                    }
                )
            )
        default: self
        }
    }
}
