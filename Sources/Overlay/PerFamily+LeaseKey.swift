// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// The name of a lease's key: what follows `<prefix>/subnets/` in etcd.
extension PerFamily where Value == IPPrefix {
    /// The name: `10.5.1.0-24`, with IPv6 `10.5.1.0-24&fd00:5:0:1::-64`, with that alone `0.0.0.0-0&fd00:5:0:1::-64`.
    ///
    /// flannel finds no subnet in a name without a dotted quad, so IPv6 alone follows an IPv4 subnet that says nothing;
    /// flannel writes the same.
    public var leaseKey: String {
        let first = Self.text(v4 ?? .everything(.v4))
        return if let v6 { "\(first)&\(Self.text(v6))" } else { first }
    }

    /// Reads a name; nil when it names no subnets.
    ///
    /// A subnet with bits set behind its prefix is none.
    public init?(leaseKey: some StringProtocol) {
        let parts = leaseKey.split(separator: "&", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let v4 = Self.subnet(parts[0], .v4) else { return nil }
        self.init(v4: v4.length == 0 ? nil : v4)
        if parts.count == 2 {
            guard let v6 = Self.subnet(parts[1], .v6), v6.length > 0 else { return nil }
            self.v6 = v6
        }
        if families.isEmpty { return nil }
    }

    private static func text(_ subnet: IPPrefix) -> String { "\(subnet.address)-\(subnet.length)" }

    private static func subnet(_ text: some StringProtocol, _ family: AddressFamily) -> IPPrefix? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty, parts[1].utf8.count <= 3,
            parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let address = IPAddress(parts[0]), address.family == family, let length = Int(parts[1]),
            let subnet = IPPrefix(address, length: length), subnet.isNetwork
        else { return nil }
        return subnet
    }

    /// Whether a subnet of either family has an address in common with one of another node.
    public func overlaps(_ other: PerFamily<IPPrefix>) -> Bool {
        for family in families {
            if let own = self[family], let others = other[family], own.overlaps(others) { return true }
        }
        return false
    }
}
