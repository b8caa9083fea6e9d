// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
public import JSON

extension NetworkConfiguration {
    /// Reads a configuration as flannel does: keys in any case, unknown ones ignored.
    ///
    /// One default differs on purpose: without `Backend` it is `vxlan`, as flannel's documentation says, and not `udp`,
    /// as its code does. A `Backend` without a usable `Type` is an error in both.
    public init(parsing text: some Sequence<UInt8>) throws(OverlayError) {
        let document = try readable { () throws(JSONError) in JSONNode(try JSONValue(parsing: text)) }
        try self.init(document)
    }

    /// Reads a configuration that is part of another document; errors name the path.
    public init(_ document: JSONNode) throws(OverlayError) {
        var families = PerFamily<Family>()
        for family in AddressFamily.allCases where try Family.isEnabled(family, in: document) {
            families[family] = try Family(family, of: document)
        }
        guard !families.families.isEmpty else {
            throw OverlayError(
                .configuration,
                "EnableIPv4 and EnableIPv6 are both false",
                advice: "enable at least one of them"
            )
        }
        self.init(families: families, backend: try Backend(document))
    }

    /// The network that is made where there is none: `10.244.0.0/16`, a /24 for each node, VXLAN.
    public static var defaultText: [UInt8] {
        let document: JSONValue = ["Network": "10.244.0.0/16", "Backend": ["Type": "vxlan"]]
        return document.text(.indented) + [UInt8(ascii: "\n")]
    }
}

extension NetworkConfiguration.Family {
    /// The prefix lengths and key names that differ between the families.
    private struct Rules {
        let enabling: String
        let enabledByDefault: Bool
        let keyPrefix: String
        let example: String
        let usualLength: Int
        let longestSubnet: Int
        let longestNetwork: Int

        init(_ family: AddressFamily) {
            let isV4 = family == .v4
            enabling = isV4 ? "EnableIPv4" : "EnableIPv6"
            enabledByDefault = isV4
            keyPrefix = isV4 ? "" : "IPv6"
            example = isV4 ? "10.244.0.0/16" : "fd00:10:244::/48"
            usualLength = isV4 ? 24 : 64
            longestSubnet = isV4 ? 30 : 126
            longestNetwork = isV4 ? 28 : 124
        }
    }

    /// Whether the document enables a family.
    static func isEnabled(_ family: AddressFamily, in document: JSONNode) throws(OverlayError) -> Bool {
        let rules = Rules(family)
        return try readable { () throws(JSONError) in
            try document.member(rules.enabling)?.boolean() ?? rules.enabledByDefault
        }
    }

    /// Reads and checks the keys of an enabled family.
    init(_ family: AddressFamily, of document: JSONNode) throws(OverlayError) {
        let rules = Rules(family)
        let network = try Self.network(family, of: document, rules)
        let length = try Self.subnetLength(in: network, of: document, rules)
        // Of four subnets at least, the second and the last exist.
        guard let first = IPPrefix(network.first, length: length), let second = first.following,
            let last = IPPrefix(network.last, length: length)?.network
        else { throw OverlayError(.configuration, "\(network) has no subnets of /\(length)") }
        let boundary = { (key: String, standard: IPPrefix) throws(OverlayError) in
            try Self.boundary("\(rules.keyPrefix)\(key)", of: document, in: network, length: length) ?? standard
        }
        self.init(
            network: network,
            subnetLength: length,
            firstSubnet: try boundary("SubnetMin", second),
            lastSubnet: try boundary("SubnetMax", last)
        )
        guard firstSubnet.address <= lastSubnet.address else {
            throw OverlayError(
                .configuration,
                "\(rules.keyPrefix)SubnetMin \(firstSubnet.address) is behind \(rules.keyPrefix)SubnetMax "
                    + "\(lastSubnet.address)",
                advice: "exchange them"
            )
        }
    }

    private static func network(
        _ family: AddressFamily,
        of document: JSONNode,
        _ rules: Rules
    ) throws(OverlayError) -> IPPrefix {
        let key = "\(rules.keyPrefix)Network"
        let text = try readable { () throws(JSONError) in try document.member(key)?.string() ?? "" }
        let advice = "write an \(family) subnet such as \"\(rules.example)\""
        guard !text.isEmpty else {
            throw OverlayError(.configuration, "\(document.path(of: key)) is missing", advice: advice)
        }
        guard let network = IPPrefix(text)?.network, network.family == family else {
            throw OverlayError(.configuration, "\(document.path(of: key)) is \"\(text)\"", advice: advice)
        }
        return network
    }

    private static func subnetLength(
        in network: IPPrefix,
        of document: JSONNode,
        _ rules: Rules
    ) throws(OverlayError) -> Int {
        let key = "\(rules.keyPrefix)SubnetLen"
        let path = document.path(of: key)
        let given = try readable { () throws(JSONError) in try document.member(key)?.integer(in: 0...128) ?? 0 }
        // 0 is how flannel's own programs write "not set".
        guard given > 0 else {
            guard network.length <= rules.longestNetwork else {
                throw OverlayError(
                    .configuration,
                    "\(rules.keyPrefix)Network \(network) is too small to be divided",
                    advice: "it must be /\(rules.longestNetwork) or larger"
                )
            }
            return network.length <= rules.usualLength - 2 ? rules.usualLength : network.length + 2
        }
        guard given <= rules.longestSubnet, given >= network.length + 2 else {
            let advice =
                network.length + 2 <= rules.longestSubnet
                ? "with \(rules.keyPrefix)Network \(network) it must be \(network.length + 2) to \(rules.longestSubnet)"
                : "\(rules.keyPrefix)Network \(network) is too small for any"
            throw OverlayError(.configuration, "\(path) is \(given)", advice: advice)
        }
        return Int(given)
    }

    private static func boundary(
        _ key: String,
        of document: JSONNode,
        in network: IPPrefix,
        length: Int
    ) throws(OverlayError) -> IPPrefix? {
        let text = try readable { () throws(JSONError) in try document.member(key)?.string() ?? "" }
        guard !text.isEmpty else { return nil }
        guard let address = IPAddress(text), network.contains(address),
            let subnet = IPPrefix(address, length: length), subnet.isNetwork
        else {
            throw OverlayError(
                .configuration,
                "\(document.path(of: key)) is \"\(text)\"",
                advice: "it must be the first address of a /\(length) inside \(network)"
            )
        }
        return subnet
    }
}

extension IPPrefix {
    /// The subnet of the same length that follows; nil behind the family's last.
    var following: IPPrefix? { last.next.flatMap { IPPrefix($0, length: length) } }
}

/// Reads part of a configuration; a complaint about JSON becomes one about the configuration.
func readable<Result>(_ body: () throws(JSONError) -> Result) throws(OverlayError) -> Result {
    do { return try body() } catch { throw OverlayError(.configuration, "\(error)") }
}
