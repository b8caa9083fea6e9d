// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

/// What the kernel compares of each flow (`CTA_FILTER`, Linux 5.8); nil is not compared.
///
/// Linux finds every flow that does *not* have an IPv6 address that it is given (seen up to 6.18), and compares the ports
/// of TCP and UDP only. So IPv6 addresses are never given, and a removal needs one of these two protocols.
struct KernelSelection: Hashable {
    /// The protocol above IP.
    var transport: TransportProtocol?
    /// The port that the first packet was sent to; the kernel wants the protocol with it.
    var port: UInt16?
    /// The address that the first packet was sent to.
    var destination: IPv4Address?
    /// The address that answers come from; for removals only, as the first kernels that know filters misread it.
    var target: IPv4Address?
    /// The port that answers come from; the kernel wants the protocol with it.
    var targetPort: UInt16?

    /// What the first packets of all wanted flows of a family have in common.
    init(_ filter: FlowFilter, _ family: AddressFamily) {
        let ports = filter.ports.filter { $0.address == nil || $0.address?.family == family }
        transport = KernelSelection.common(ports.map(\.transport))
        if transport != nil { port = KernelSelection.common(ports.map(\.number)) }
        if case .v4(let address) = KernelSelection.common(ports.map(\.address)) ?? nil { destination = address }
    }

    /// Flows through one port to one target; nil where the kernel would take others, too.
    init?(removing port: FlowFilter.Port, leadingTo target: IPAddress) {
        guard port.transport == .tcp || port.transport == .udp, case .v4(let address) = target else { return nil }
        switch port.address {
        case nil: destination = nil
        case .v4(let own): destination = own
        case .v6: return nil
        }
        transport = port.transport
        self.port = port.number
        self.target = address
        targetPort = port.target
    }

    /// Writes the partial tuples, and which of their fields count.
    func write(to writer: inout AttributeWriter) {
        var original = Fields()
        if transport != nil { original.formUnion(.transport) }
        if port != nil { original.formUnion(.destinationPort) }
        if destination != nil { original.formUnion(.destination) }
        var reply = Fields()
        if target != nil { reply.formUnion(.source) }
        if targetPort != nil { reply.formUnion([.transport, .sourcePort]) }
        guard !original.isEmpty || !reply.isEmpty else { return }

        writer.nest(Int(CTA_FILTER.rawValue)) {
            if !original.isEmpty { $0.put(Int(CTA_FILTER_ORIG_FLAGS.rawValue), original.rawValue) }
            if !reply.isEmpty { $0.put(Int(CTA_FILTER_REPLY_FLAGS.rawValue), reply.rawValue) }
        }
        if !original.isEmpty {
            writer.nest(Int(CTA_TUPLE_ORIG.rawValue)) {
                if let destination {
                    $0.nest(Int(CTA_TUPLE_IP.rawValue)) {
                        $0.put(Int(CTA_IP_V4_DST.rawValue), bigEndian: destination.rawValue)
                    }
                }
                if let transport {
                    $0.nest(Int(CTA_TUPLE_PROTO.rawValue)) {
                        $0.put(Int(CTA_PROTO_NUM.rawValue), transport.rawValue)
                        if let port { $0.put(Int(CTA_PROTO_DST_PORT.rawValue), bigEndian: port) }
                    }
                }
            }
        }
        if !reply.isEmpty {
            writer.nest(Int(CTA_TUPLE_REPLY.rawValue)) {
                if let target {
                    $0.nest(Int(CTA_TUPLE_IP.rawValue)) {
                        $0.put(Int(CTA_IP_V4_SRC.rawValue), bigEndian: target.rawValue)
                    }
                }
                if let transport, let targetPort {
                    $0.nest(Int(CTA_TUPLE_PROTO.rawValue)) {
                        $0.put(Int(CTA_PROTO_NUM.rawValue), transport.rawValue)
                        $0.put(Int(CTA_PROTO_SRC_PORT.rawValue), bigEndian: targetPort)
                    }
                }
            }
        }
    }

    /// Which fields of a tuple are compared; the kernel's headers for programs have no names for the bits.
    private struct Fields: OptionSet {
        let rawValue: UInt32

        static var source: Fields { Fields(rawValue: 1 << 0) }
        static var destination: Fields { Fields(rawValue: 1 << 1) }
        static var transport: Fields { Fields(rawValue: 1 << 3) }
        static var sourcePort: Fields { Fields(rawValue: 1 << 4) }
        static var destinationPort: Fields { Fields(rawValue: 1 << 5) }
    }

    private static func common<Value: Equatable>(_ values: [Value]) -> Value? {
        guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
        return first
    }
}
