// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// A connection, or what comes closest to one, as the kernel tracks it (`conntrack -L`).
///
/// A flow comes only from the kernel, so that its removal names exactly one.
public struct Flow: Hashable, Sendable {
    /// The first packet as its sender wrote it.
    public let original: FlowTuple
    /// What an answer looks like before it is translated back; its source is where the flow really leads.
    public let reply: FlowTuple
    /// The zone in which tuples are told apart (`CTA_ZONE`); 0 unless a rule says otherwise.
    public let zone: UInt16
    /// What tells the flow from a later one with the same tuple (`CTA_ID`).
    ///
    /// Linux makes it of the tuple and of where the flow is in memory, so that a successor at the same place has it, too.
    public let id: UInt32
    /// The original tuple as the kernel wrote it, which also has what is not interpreted here.
    let originalAttributes: [UInt8]
}

/// The addresses of a flow in one direction.
public struct FlowTuple: Hashable, Sendable {
    /// Who sends.
    public let source: IPAddress
    /// Who is sent to.
    public let destination: IPAddress
    /// The protocol above IP.
    public let transport: TransportProtocol
    /// The sender's port; nil for a protocol without ports.
    public let sourcePort: UInt16?
    /// The port that is sent to; nil for a protocol without ports.
    public let destinationPort: UInt16?
    /// A zone of this direction alone (`CTA_TUPLE_ZONE`).
    public let zone: UInt16?
}

/// A protocol above IP, by its number.
public struct TransportProtocol: RawRepresentable, Hashable, Sendable {
    /// The number in the IP header.
    public let rawValue: UInt8
    /// Creates a protocol from its number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The corresponding C constant is `IPPROTO_TCP`.
    public static var tcp: TransportProtocol { TransportProtocol(rawValue: 6) }
    /// The corresponding C constant is `IPPROTO_UDP`.
    public static var udp: TransportProtocol { TransportProtocol(rawValue: 17) }
    /// The corresponding C constant is `IPPROTO_SCTP`.
    public static var sctp: TransportProtocol { TransportProtocol(rawValue: 132) }
}

extension FlowTuple: CustomStringConvertible {
    /// "10.0.0.9:41000 to 10.0.0.1:8080", with the protocol's number in front.
    public var description: String {
        func text(_ address: IPAddress, _ port: UInt16?) -> String {
            guard let port else { return "\(address)" }
            return address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        }
        return "protocol \(transport.rawValue) \(text(source, sourcePort)) to \(text(destination, destinationPort))"
    }
}
