// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// What an ADD made: interfaces, addresses, routes and DNS settings (specification, section 5, "ADD Success").
///
/// One type for every version: decoding accepts each version's shape, encoding writes exactly a version's fields.
public struct NetworkResult: Hashable, Sendable {
    /// The interfaces in the order they were made.
    public var interfaces: [Interface] = []
    /// The addresses.
    public var ips: [IPConfiguration] = []
    /// The routes inside the container.
    public var routes: [RouteConfiguration] = []
    /// The DNS settings.
    public var dns = DNSConfiguration()

    /// An empty result.
    public init() {}

    /// An interface on the host or in the container.
    public struct Interface: Hashable, Sendable {
        /// The name.
        public var name: String
        /// The hardware address, as text: other plugins' interfaces may have none or a longer one.
        public var mac: String?
        /// The maximum transmission unit in bytes (since 1.1.0).
        public var mtu: Int?
        /// The path of the container's network namespace; nil on the host.
        public var sandbox: String?
        /// The path of a vhost-user socket (since 1.1.0).
        public var socketPath: String?
        /// The PCI address of a device (since 1.1.0).
        public var pciID: String?

        /// Describes an interface.
        public init(name: String, mac: String? = nil, mtu: Int? = nil, sandbox: String? = nil) {
            self.name = name
            self.mac = mac
            self.mtu = mtu
            self.sandbox = sandbox
        }
    }

    /// An address of an interface.
    public struct IPConfiguration: Hashable, Sendable {
        /// The position in ``NetworkResult/interfaces`` of the interface it belongs to.
        public var interface: Int?
        /// The address with its subnet's prefix length.
        public var address: IPPrefix
        /// The subnet's gateway.
        public var gateway: IPAddress?

        /// Describes an address.
        public init(address: IPPrefix, gateway: IPAddress? = nil, interface: Int? = nil) {
            self.address = address
            self.gateway = gateway
            self.interface = interface
        }
    }
}

/// A route inside the container, as IPAM plugins and configurations give it.
public struct RouteConfiguration: Hashable, Sendable {
    /// The destination.
    public var destination: IPPrefix
    /// The next hop; nil means the gateway of the address of the same family.
    public var gateway: IPAddress?
    /// The path's MTU in bytes (since 1.1.0).
    public var mtu: Int?
    /// The TCP maximum segment size to advertise in bytes (since 1.1.0).
    public var advertisedMSS: Int?
    /// The metric; lower wins (since 1.1.0).
    public var priority: Int?
    /// The routing table's number (since 1.1.0).
    public var table: Int?
    /// The scope's number: 0 global, 253 link, 254 host (since 1.1.0).
    public var scope: Int?

    /// Describes a route.
    public init(destination: IPPrefix, gateway: IPAddress? = nil) {
        self.destination = destination
        self.gateway = gateway
    }

    /// Whether it leads everywhere.
    public var isDefault: Bool { destination.length == 0 && destination.address.isUnspecified }
}

/// DNS settings for a container.
public struct DNSConfiguration: Hashable, Sendable {
    /// Addresses of name servers in order of preference.
    public var nameservers: [String] = []
    /// The local domain for short names.
    public var domain: String?
    /// Domains searched for short names, in order.
    public var search: [String] = []
    /// Options for the resolver.
    public var options: [String] = []

    /// Empty settings.
    public init() {}

    /// Whether nothing is set.
    public var isEmpty: Bool { nameservers.isEmpty && (domain ?? "").isEmpty && search.isEmpty && options.isEmpty }
}
