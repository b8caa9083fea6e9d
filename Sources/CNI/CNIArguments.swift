// swift-cni, SPDX-License-Identifier: Apache-2.0

/// The `CNI_ARGS` variable: `KEY=value` pairs separated by semicolons.
public struct CNIArguments: Hashable, Sendable {
    /// The pairs in order.
    public let pairs: [(key: String, value: String)]

    /// No arguments.
    public init() { pairs = [] }

    /// Parses the variable's text.
    ///
    /// Pairs are split at every '=', and a pair must have exactly two parts, as in the reference; a trailing
    /// semicolon is an error for it and for us.
    ///
    /// - Parameter known: The keys the plugin understands, case-sensitively. Others are an error unless
    ///   `IgnoreUnknown` is "1" or "true".
    /// - Throws: ``CNIError`` with code 4 that quotes the pair.
    public init(_ text: String, known: Set<String>) throws(CNIError) {
        var pairs: [(key: String, value: String)] = []
        if !text.isEmpty {
            for part in text.split(separator: ";", omittingEmptySubsequences: false) {
                let sides = part.split(separator: "=", omittingEmptySubsequences: false)
                guard sides.count == 2 else {
                    throw CNIError(
                        .invalidEnvironment,
                        "CNI_ARGS: \"\(part)\" is not KEY=value; pairs are separated by ';'"
                    )
                }
                pairs.append((String(sides[0]), String(sides[1])))
            }
        }
        self.pairs = pairs
        if let setting = self["IgnoreUnknown"] {
            switch setting.lowercased() {
            case "1", "true": return
            case "0", "false", "": break
            default:
                throw CNIError(
                    .invalidEnvironment,
                    "CNI_ARGS: IgnoreUnknown is \"\(setting)\", must be 1, true, 0 or false"
                )
            }
        }
        let unknown = pairs.filter { $0.key != "IgnoreUnknown" && !known.contains($0.key) }
        guard unknown.isEmpty else {
            let list = unknown.map { "\"\($0.key)=\($0.value)\"" }.joined(separator: ", ")
            throw CNIError(
                .invalidEnvironment,
                "CNI_ARGS: unknown args [\(list)]; add IgnoreUnknown=1 to have them ignored"
            )
        }
    }

    /// The last value of a key.
    public subscript(key: String) -> String? { pairs.last { $0.key == key }?.value }

    /// Pairs are equal in the same order.
    public static func == (lhs: CNIArguments, rhs: CNIArguments) -> Bool {
        lhs.pairs.elementsEqual(rhs.pairs) { $0 == $1 }
    }

    /// Hashes keys and values in order.
    public func hash(into hasher: inout Hasher) {
        for pair in pairs {
            hasher.combine(pair.key)
            hasher.combine(pair.value)
        }
    }
}
