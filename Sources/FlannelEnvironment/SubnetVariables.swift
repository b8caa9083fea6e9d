// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// What `subnet.env` says: the network, this node's part of it, and how packets get through.
///
/// flanneld writes the file; the plugin `flannel` and other programs, shell scripts among them, read it.
public struct SubnetVariables: Hashable, Sendable {
    /// Where everybody expects the file.
    public static var defaultPath: String { "/run/flannel/subnet.env" }

    /// `FLANNEL_NETWORK`, `FLANNEL_IPV6_NETWORK`: what the overlay spans, each once, IPv4 first.
    public var networks: [IPPrefix]
    /// `FLANNEL_SUBNET`, `FLANNEL_IPV6_SUBNET`: the node's subnets, without host bits, each once, IPv4 first.
    public var subnets: [IPPrefix]
    /// `FLANNEL_MTU`: the largest packet of a container in bytes; nil when the file does not say.
    public var mtu: Int?
    /// `FLANNEL_IPMASQ`: whether flanneld hides containers' addresses from the world; nil when the file does not say.
    public var masquerades: Bool?

    /// Describes what a file is to say.
    public init(networks: [IPPrefix] = [], subnets: [IPPrefix] = [], mtu: Int? = nil, masquerades: Bool? = nil) {
        self.networks = networks
        self.subnets = subnets
        self.mtu = mtu
        self.masquerades = masquerades
    }

    /// The keys that a node's file has and this one does not, as an error lists them.
    public var missing: [String] {
        var missing: [String] = []
        if networks.isEmpty { missing.append(Self.either(Self.networkKey)) }
        if subnets.isEmpty { missing.append(Self.either(Self.subnetKey)) }
        if mtu == nil { missing.append(Self.mtuKey) }
        if masquerades == nil { missing.append(Self.masqueradesKey) }
        return missing
    }

    static func networkKey(_ family: AddressFamily) -> String {
        family == .v4 ? "FLANNEL_NETWORK" : "FLANNEL_IPV6_NETWORK"
    }
    static func subnetKey(_ family: AddressFamily) -> String {
        family == .v4 ? "FLANNEL_SUBNET" : "FLANNEL_IPV6_SUBNET"
    }
    static var mtuKey: String { "FLANNEL_MTU" }
    static var masqueradesKey: String { "FLANNEL_IPMASQ" }

    private static func either(_ key: (AddressFamily) -> String) -> String { "\(key(.v4)) or \(key(.v6))" }
}

/// A variable that means nothing.
public struct SubnetVariablesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The variable.
    public let key: String
    /// What it holds.
    public let value: String
    /// What it should hold.
    public let expected: String

    /// The variable and its value; what would be right is left to the reader.
    public var fault: String { "\(key) is \"\(value.prefix(64))\"" }
    /// All of it.
    public var description: String { "\(fault), must be \(expected)" }
}
