// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// Rules that others have on a host, in the shape they have there.
enum ForeignRules: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// An administrator's `iptables -P FORWARD DROP`.
    case dropPolicy = "iptables -P FORWARD DROP"
    /// Docker, as it is after its start, with one published port of its own.
    case docker = "Docker"
    /// kube-proxy in its iptables mode, with a service.
    case kubeProxyIPTables = "kube-proxy with iptables"
    /// kube-proxy in its nftables mode, with a service.
    case kubeProxyNFTables = "kube-proxy with nftables"
    /// firewalld, with the tests' bridges in its trusted zone.
    case firewalld = "firewalld"

    /// Those in whose iptables chains FORWARD drops.
    static var dropping: [ForeignRules] { [.dropPolicy, .docker] }

    /// Those that do more than drop.
    static var programs: [ForeignRules] { allCases.filter { $0 != .dropPolicy } }

    var testDescription: String { rawValue }

    /// Whether there is a service at ``serviceAddress(_:)`` and on ``nodePort``.
    var hasService: Bool { self == .kubeProxyIPTables || self == .kubeProxyNFTables }

    /// The address of the service: its port 80 leads to port 80 of the first container of 10.88.0.0/24 or fd00:88::/64.
    static func serviceAddress(_ family: AddressFamily) -> IPAddress {
        family == .v4 ? "10.96.0.10" : "fd00:96::a"
    }

    /// The service's port on the host.
    static var nodePort: UInt16 { 30_080 }

    /// Puts the rules where they belong, for both families.
    func apply(to host: TestHost) throws {
        for family in AddressFamily.allCases {
            switch self {
            case .dropPolicy: try IPTables.restore(Self.dropPolicyRules, family, on: host)
            case .docker: try IPTables.restore(Self.dockerRules(family), family, on: host)
            case .kubeProxyIPTables: try IPTables.restore(Self.kubeProxyChains(family), family, on: host)
            case .kubeProxyNFTables: try host.applyRules(Self.kubeProxyTable(family))
            case .firewalld: if family == .v4 { try host.applyRules(Self.firewalldTable) }
            }
        }
        if self == .docker { try host.run("ip", "link", "add", "docker0", "up", "type", "bridge") }
    }

    /// The lines of a listing that belong to these rules.
    func own(in listing: RulesetListing) -> [String] {
        let word =
            switch self {
            case .dropPolicy: "FORWARD"
            case .docker: "DOCKER"
            case .kubeProxyIPTables: "KUBE-"
            case .kubeProxyNFTables: "kube-proxy"
            case .firewalld: "firewalld"
            }
        return listing.lines.filter { $0.contains(word) && !$0.contains("CNI-") }.sorted()
    }
}
