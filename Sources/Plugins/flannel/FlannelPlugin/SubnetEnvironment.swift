// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import IPAddresses

/// What flanneld writes for this plugin and others: `subnet.env`, lines of `KEY=value`.
struct SubnetEnvironment: Hashable {
    /// `FLANNEL_NETWORK` and `FLANNEL_IPV6_NETWORK`: what the overlay spans, each once, IPv4 first.
    let networks: [IPPrefix]
    /// `FLANNEL_SUBNET` and `FLANNEL_IPV6_SUBNET`: this machine's part of it, without host bits, IPv4 first.
    let subnets: [IPPrefix]
    /// `FLANNEL_MTU`: the largest packet that gets through, in bytes.
    let mtu: UInt32
    /// `FLANNEL_IPMASQ`: whether flanneld hides the containers' addresses from the world.
    let isMasquerading: Bool

    /// Reads the file's text.
    ///
    /// - Throws: ``CNIError`` with code 11 that names file and keys: flanneld writes it anew when it starts.
    init(parsing text: String, path: String) throws(CNIError) {
        var values: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let sign = line.firstIndex(of: "=") else { continue }
            values[line[..<sign]] = line[line.index(after: sign)...]
        }
        let written = values.filter { !$0.value.isEmpty }
        let missing = Self.required
            .filter { alternatives in !alternatives.contains { written[$0] != nil } }
            .map { $0.joined(separator: " or ") }
        guard missing.isEmpty else {
            throw CNIError(.tryAgainLater, "\(path) is missing \(missing.joined(separator: ", "))")
        }
        var networks: [IPPrefix] = []
        for key in Self.networkKeys {
            for part in written[key]?.split(separator: ",") ?? [] {
                let network = try Self.prefix(part, key, path).network
                if !networks.contains(network) { networks.append(network) }
            }
        }
        var subnets: [IPPrefix] = []
        for key in Self.subnetKeys {
            if let value = written[key] { subnets.append(try Self.prefix(value, key, path).network) }
        }
        guard let mtu = written[Self.mtuKey].flatMap({ UInt32($0) }) else {
            throw Self.invalid(written[Self.mtuKey] ?? "", Self.mtuKey, path, "a number of bytes")
        }
        self.networks = networks
        self.subnets = subnets
        self.mtu = mtu
        isMasquerading = written[Self.masqueradingKey] == "true"
    }

    private static var networkKeys: [Substring] { ["FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK"] }
    private static var subnetKeys: [Substring] { ["FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET"] }
    private static var mtuKey: Substring { "FLANNEL_MTU" }
    private static var masqueradingKey: Substring { "FLANNEL_IPMASQ" }
    /// One of each must be there.
    private static var required: [[Substring]] { [networkKeys, subnetKeys, [mtuKey], [masqueradingKey]] }

    private static func prefix(_ text: Substring, _ key: Substring, _ path: String) throws(CNIError) -> IPPrefix {
        guard let prefix = IPPrefix(text) else {
            throw invalid(text, key, path, "an address with a prefix length, such as 10.244.1.1/24")
        }
        return prefix
    }

    private static func invalid(
        _ text: Substring,
        _ key: Substring,
        _ path: String,
        _ expected: String
    ) -> CNIError {
        CNIError(.tryAgainLater, "\(path): \(key) is \"\(text.prefix(64))\", must be \(expected)")
    }
}
