// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// A peer's subnet of one family that is not programmed.
public struct SkippedPeer: Hashable, Sendable {
    /// The subnet that the peer claims.
    public var subnet: IPPrefix
    /// The address that it publishes.
    public var publicAddress: IPAddress?
    /// Why it is left out.
    public var reason: Reason

    /// Creates a record.
    public init(subnet: IPPrefix, publicAddress: IPAddress?, reason: Reason) {
        self.subnet = subnet
        self.publicAddress = publicAddress
        self.reason = reason
    }

    /// Why a peer is left out.
    public enum Reason: Hashable, Sendable {
        /// The subnet has bits set behind its prefix, or is of the other family.
        case notASubnet
        /// The subnet is not in the network.
        case foreignNetwork
        /// The subnet is this node's, or a part of it; the own lease among the peers is one such.
        case ownSubnet
        /// The subnet has addresses in common with another peer's, which lies in it or came first.
        case overlaps(IPPrefix)
        /// The subnet has addresses in common with one that the uplink reaches directly.
        case coversUplink(IPPrefix)
        /// The peer publishes no address of this family, or one that cannot be a node's.
        case noPublicAddress
        /// The peer publishes this node's address.
        case ownAddress
        /// The peer's backend is not one that this node's can reach.
        case backend(BackendType)
        /// What the peer publishes for its backend is missing or nonsense.
        case backendData
        /// The peer's VXLAN has another identifier.
        case otherVNI(UInt32)
        /// The peer's device has the Ethernet address of this node's or of another peer's.
        case takenMAC(MACAddress)
        /// The peer is behind a gateway, and it takes packets only without encapsulation.
        case notOnLink
    }
}

extension SkippedPeer: CustomStringConvertible {
    /// One clause, such as "10.1.2.0/24 of 192.0.2.2: not in the network".
    public var description: String {
        let text =
            switch reason {
            case .notASubnet: "not a subnet of this family"
            case .foreignNetwork: "not in the network"
            case .ownSubnet: "overlaps this node's own subnet"
            case .overlaps(let other): "overlaps \(other) of another node"
            case .coversUplink(let network): "overlaps the nodes' network \(network)"
            case .noPublicAddress: "publishes no usable address"
            case .ownAddress: "publishes this node's address"
            case .backend(let type): "has backend \"\(type.rawValue)\", which this node's does not reach"
            case .backendData: "publishes no readable backend data"
            case .otherVNI(let vni): "has VNI \(vni)"
            case .takenMAC(let mac): "publishes MAC address \(mac), which another node has"
            case .notOnLink: "is not on the uplink, and takes no encapsulated packets"
            }
        return "\(subnet)\(publicAddress.map { " of \($0)" } ?? ""): \(text)"
    }
}
