// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses

extension SubnetVariables {
    /// The file's text: the keys in flannel's order, and the first address of a subnet behind its own.
    ///
    /// A family is written when it has a network and a subnet.
    public var text: String {
        var lines: [String] = []
        for family in AddressFamily.allCases {
            let networks = networks.filter { $0.family == family }
            let subnets = subnets.filter { $0.family == family }
            guard !networks.isEmpty, !subnets.isEmpty else { continue }
            let gateways = subnets.map { IPPrefix($0.first.next ?? $0.first, length: $0.length) ?? $0 }
            lines.append("\(Self.networkKey(family))=\(Self.list(networks))")
            lines.append("\(Self.subnetKey(family))=\(Self.list(gateways))")
        }
        if let mtu { lines.append("\(Self.mtuKey)=\(mtu)") }
        if let masquerades { lines.append("\(Self.masqueradesKey)=\(masquerades)") }
        return lines.map { "\($0)\n" }.joined()
    }

    private static func list(_ prefixes: [IPPrefix]) -> String {
        prefixes.map(\.description).joined(separator: ",")
    }

    /// Reads the file's text: lines of `KEY=value`, in any order, with what a shell would take besides (comments,
    /// `export`, quotes).
    ///
    /// Unknown keys and empty values are ignored, and the last of equal keys counts.
    public init(parsing text: some StringProtocol) throws(SubnetVariablesError) {
        var values: [String: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            var assignment = Substring(line).trimmed
            if assignment.hasPrefix("export ") { assignment = assignment.dropFirst(7).trimmed }
            guard assignment.first != "#", let sign = assignment.firstIndex(of: "=") else { continue }
            let value = assignment[assignment.index(after: sign)...].trimmed.unquoted
            values[String(assignment[..<sign].trimmed)] = value
        }
        self.init()
        for family in AddressFamily.allCases {
            networks += try Self.prefixes(values, Self.networkKey(family), family)
            subnets += try Self.prefixes(values, Self.subnetKey(family), family)
        }
        if let text = values[Self.mtuKey], !text.isEmpty {
            guard let number = Int(text), (0...Int(Int32.max)).contains(number) else {
                throw SubnetVariablesError(key: Self.mtuKey, value: String(text), expected: "a number of bytes")
            }
            mtu = number
        }
        // flannel's plugin takes only this spelling for yes.
        if let text = values[Self.masqueradesKey], !text.isEmpty { masquerades = text == "true" }
    }

    private static func prefixes(
        _ values: [String: Substring],
        _ key: String,
        _ family: AddressFamily
    ) throws(SubnetVariablesError) -> [IPPrefix] {
        guard let list = values[key], !list.isEmpty else { return [] }
        var prefixes: [IPPrefix] = []
        for item in list.split(separator: ",", omittingEmptySubsequences: false) {
            let item = item.trimmed
            guard let prefix = IPPrefix(item)?.network, prefix.family == family else {
                let example = family == .v4 ? "10.244.1.1/24" : "2001:db8:1::1/64"
                throw SubnetVariablesError(
                    key: key,
                    value: String(item.isEmpty ? list : item),
                    expected: "an \(family) address with a prefix length, such as \(example)"
                )
            }
            if !prefixes.contains(prefix) { prefixes.append(prefix) }
        }
        return prefixes
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }

    fileprivate var unquoted: Substring {
        guard count >= 2, let first, first == last, first == "\"" || first == "'" else { return self }
        return dropFirst().dropLast()
    }
}
