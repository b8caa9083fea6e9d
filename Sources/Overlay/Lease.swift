// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import JSON

/// The subnets of a node, and how the other nodes reach it.
public struct Lease: Hashable, Sendable {
    /// The subnet of each family, without host bits.
    public var subnets: PerFamily<IPPrefix>
    /// How the node is reached.
    public var attributes: LeaseAttributes

    /// Creates a lease.
    public init(subnets: PerFamily<IPPrefix>, attributes: LeaseAttributes) {
        self.subnets = subnets
        self.attributes = attributes
    }
}

/// What a node publishes about itself: the value of a lease's key in etcd, the annotations of a Kubernetes node.
public struct LeaseAttributes: Hashable, Sendable {
    /// The addresses other nodes send to.
    public var publicAddresses: PerFamily<IPAddress>
    /// The backend that carries packets to the node.
    public var backendType: BackendType
    private var backends: PerFamily<BackendData>

    /// Creates attributes.
    public init(
        publicAddresses: PerFamily<IPAddress>,
        backendType: BackendType,
        backendData: PerFamily<JSONValue> = PerFamily()
    ) {
        self.publicAddresses = publicAddresses
        self.backendType = backendType
        backends = PerFamily()
        self.backendData = backendData
    }

    /// What that backend has to know of the node, by the family of the subnet; for VXLAN see ``VXLANEndpoint``.
    public var backendData: PerFamily<JSONValue> {
        get { PerFamily(v4: backends.v4?.json, v6: backends.v6?.json) }
        set { backends = PerFamily(v4: newValue.v4.map(BackendData.init), v6: newValue.v6.map(BackendData.init)) }
    }

    /// What VXLAN has to know of the node, where ``backendData`` says it.
    public var vxlanEndpoints: PerFamily<VXLANEndpoint> {
        PerFamily(v4: backends.v4?.endpoint, v6: backends.v6?.endpoint)
    }
}

/// What a node publishes for its backend.
///
/// It is read once for each lease, as all leases are gone through whenever one of them changes; and what is as we write it
/// is kept without its text, as there are thousands.
private enum BackendData: Hashable, Sendable {
    case endpoint(VXLANEndpoint)
    case other(JSONValue, VXLANEndpoint?)

    init(_ json: JSONValue) {
        let endpoint = try? VXLANEndpoint(JSONNode(json))
        if let endpoint, endpoint.json == json { self = .endpoint(endpoint) } else { self = .other(json, endpoint) }
    }

    var json: JSONValue {
        switch self {
        case .endpoint(let endpoint): endpoint.json
        case .other(let json, _): json
        }
    }

    var endpoint: VXLANEndpoint? {
        switch self {
        case .endpoint(let endpoint): endpoint
        case .other(_, let endpoint): endpoint
        }
    }
}

/// How packets get from node to node.
public struct BackendType: RawRepresentable, Hashable, Sendable {
    /// The name, as the network's configuration and leases spell it.
    public let rawValue: String
    /// Creates a type from its name.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Ethernet in UDP (RFC 7348).
    public static var vxlan: BackendType { BackendType(rawValue: "vxlan") }
    /// Routes through the nodes themselves, which share a link.
    public static var hostGateway: BackendType { BackendType(rawValue: "host-gw") }
    /// Nothing: something else carries the packets.
    ///
    /// Leases of such nodes name no backend.
    public static var alloc: BackendType { BackendType(rawValue: "") }
}

/// What a node publishes for VXLAN: `{"VNI":1,"VtepMAC":"0a:58:…"}`.
public struct VXLANEndpoint: Hashable, Sendable {
    /// The network's identifier, 0…2^24-1.
    public var vni: UInt32
    /// The address of the node's device.
    public var mac: MACAddress

    /// Creates an endpoint.
    public init(vni: UInt32, mac: MACAddress) {
        self.vni = vni
        self.mac = mac
    }
}
