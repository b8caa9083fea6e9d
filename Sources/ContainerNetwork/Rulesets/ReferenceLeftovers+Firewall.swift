// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
internal import NFTables

extension ReferenceLeftovers {
    /// Removes what firewall made for addresses, by which alone its rules can be told.
    public func removeFirewallRules(of addresses: [IPPrefix]) throws(CNIError) {
        for family in AddressFamily.allCases {
            let addresses = addresses.map(\.address).filter { $0.family == family }
            if addresses.isEmpty { continue }
            try removeRules(from: ["CNI-FORWARD"], of: Table(family == .v4 ? .ip : .ip6, "filter")) { rule in
                addresses.contains { rule.acceptsOnly(.source, $0) || rule.acceptsOnly(.destination, $0) }
            }
        }
    }
}

extension ListedRule {
    fileprivate enum Direction { case source, destination }

    /// Whether it is `-s ADDRESS -j ACCEPT` or `-d ADDRESS -m conntrack … -j ACCEPT`, as the reference writes it, and
    /// not somebody's who added a condition or a remark.
    fileprivate func acceptsOnly(_ direction: Direction, _ address: IPAddress) -> Bool {
        let octets = address.octets
        let start = octets.count == 4 ? 12 : 8
        let field = direction == .source ? start : start + octets.count
        guard comment.isEmpty, expressions.count > 2, expressions.last == .verdict(.accept),
            case .payload(.network, field, octets.count, let loaded) = expressions[0],
            case .compare(loaded, true, octets) = expressions[1]
        else { return false }
        let others = expressions[2...].dropLast().filter { !$0.isCounter }
        return direction == .source ? others.isEmpty : others.map(\.extensionMatch) == ["conntrack"]
    }
}

extension Expression {
    fileprivate var isCounter: Bool {
        switch self {
        case .counter, .unknown("counter", _): true
        default: false
        }
    }
}
