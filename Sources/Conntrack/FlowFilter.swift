// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// Which flows through published ports are wanted: by what their first packet was sent to, and where they lead.
public struct FlowFilter: Hashable, Sendable {
    /// A port of this host that is published, and what it stands for.
    public struct Port: Hashable, Sendable {
        /// The protocol.
        public var transport: TransportProtocol
        /// The port of the host, to which the first packet was sent.
        public var number: UInt16
        /// The only address to which the first packet was sent; nil for any.
        public var address: IPAddress?
        /// The port that it leads to; nil for any.
        public var target: UInt16?

        /// Describes a published port.
        public init(
            _ transport: TransportProtocol,
            _ number: UInt16,
            of address: IPAddress? = nil,
            to target: UInt16? = nil
        ) {
            self.transport = transport
            self.number = number
            self.address = address
            self.target = target
        }
    }

    /// The ports, of which a flow has one.
    public let ports: [Port]
    /// The addresses that a flow leads to, or does not.
    let targets: [IPAddress]
    /// Whether flows to the targets are wanted, or those to anything else.
    let wantsTargets: Bool
    private let keys: Set<UInt32>

    /// Flows that lead to one of the addresses, at the port's target if it has one: what dies with a container.
    public init(_ ports: [Port], leadingTo addresses: [IPAddress]) { self.init(ports, addresses, wantsTargets: true) }

    /// Flows that lead elsewhere: what keeps packets away from a container that was given the ports.
    ///
    /// Only flows of a family that is among the addresses are meant. With a port of any address these include flows that
    /// this host forwards: ask for the route to ``Flow/original``'s destination whether that is local.
    public init(_ ports: [Port], notLeadingTo addresses: [IPAddress]) {
        self.init(ports, addresses, wantsTargets: false)
    }

    private init(_ ports: [Port], _ addresses: [IPAddress], wantsTargets: Bool) {
        self.ports = ports
        self.targets = addresses
        self.wantsTargets = wantsTargets
        keys = Set(ports.map { FlowFilter.key($0.transport, $0.number) })
    }

    /// The same, for flows of one family only.
    func restricted(to family: AddressFamily) -> FlowFilter {
        FlowFilter(ports, targets.filter { $0.family == family }, wantsTargets: wantsTargets)
    }

    /// Whether a flow is wanted.
    public func matches(_ flow: Flow) -> Bool { matches(original: flow.original, reply: flow.reply) }

    func matches(original: FlowTuple, reply: FlowTuple) -> Bool {
        guard let number = original.destinationPort, keys.contains(FlowFilter.key(original.transport, number)),
            targets.contains(where: { $0.family == reply.source.family })
        else { return false }
        let leadsToTarget = targets.contains(reply.source)
        return ports.contains { port in
            guard port.transport == original.transport, port.number == number,
                port.address == nil || port.address == original.destination
            else { return false }
            let leadsThere = leadsToTarget && (port.target == nil || port.target == reply.sourcePort)
            return leadsThere == wantsTargets
        }
    }

    /// The families that wanted flows can have.
    var families: [AddressFamily] {
        AddressFamily.allCases.filter { family in
            targets.contains { $0.family == family }
                && ports.contains { $0.address == nil || $0.address?.family == family }
        }
    }

    private static func key(_ transport: TransportProtocol, _ number: UInt16) -> UInt32 {
        UInt32(transport.rawValue) << 16 | UInt32(number)
    }
}
