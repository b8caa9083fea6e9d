// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// The failures that are expected of another implementation, each with its reason.
///
/// `{"reasons": {"KEY": "sentence"}, "cases": {"TITLE": "KEY" or ["KEY", …]}}`.
struct Differences {
    private let reasons: [String: String]

    /// Titles of the cases that are listed.
    var titles: Set<String> { Set(reasons.keys) }

    /// Reads a list.
    static func read(_ path: String) throws(CaseError) -> Differences {
        let bytes = try system { () throws(SystemCallError) in try File.contents(of: path) }
        return try decoding(path) { () throws(JSONError) in
            try Differences(JSONNode(try JSONValue(parsing: bytes)))
        }
    }

    private init(_ node: JSONNode) throws(JSONError) {
        try node.requireKeys(["reasons", "cases"])
        let sentences = try node.requiredMember("reasons")
        var reasons: [String: String] = [:]
        let cases = try node.requiredMember("cases")
        for member in try cases.object().members {
            let entry = JSONNode(member.value, path: cases.path(of: member.key))
            let keys: [String]
            if let key = member.value.string { keys = [key] } else { keys = try entry.strings() }
            guard !keys.isEmpty else { throw entry.invalid("names no reason") }
            var texts: [String] = []
            for key in keys { texts.append(try sentences.requiredMember(key).string()) }
            reasons[member.key] = texts.joined(separator: "; ")
        }
        self.reasons = reasons
    }

    /// Why a case is expected to fail; nil when it is expected to pass.
    func reason(for title: String) -> String? { reasons[title] }
}
