// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

extension Flow {
    /// Reads what follows the header of an `IPCTNL_MSG_CT_NEW`: `struct nfgenmsg` and attributes.
    ///
    /// - Parameter isWanted: Is asked first, so that nothing is copied of other flows.
    /// - Returns: nil for other families, and for flows that are not wanted.
    init?(
        reading payload: borrowing RawSpan,
        _ isWanted: (_ original: FlowTuple, _ reply: FlowTuple) -> Bool
    ) throws(NetlinkError) {
        guard AddressFamily(number: try payload.field(at: 0)) != nil else { return nil }
        let headerSize = MemoryLayout<nfgenmsg>.size
        var original: FlowTuple?
        var reply: FlowTuple?
        var zone: UInt16 = 0
        var id: UInt32?
        try AttributeReader.forEach(in: payload, after: headerSize) { (type, value) throws(NetlinkError) in
            switch UInt32(type) {
            case CTA_TUPLE_ORIG.rawValue: original = try FlowTuple(reading: value)
            case CTA_TUPLE_REPLY.rawValue: reply = try FlowTuple(reading: value)
            case CTA_ZONE.rawValue: zone = try value.bigEndian()
            case CTA_ID.rawValue: id = try value.bigEndian()
            default: break
            }
        }
        guard let original, let reply, let id else {
            throw .malformed("a tracked connection without its tuples or its number")
        }
        guard isWanted(original, reply) else { return nil }
        var attributes: [UInt8] = []
        try AttributeReader.forEach(in: payload, after: headerSize) { (type, value) throws(NetlinkError) in
            if UInt32(type) == CTA_TUPLE_ORIG.rawValue { attributes = value.octets }
        }
        self.init(original: original, reply: reply, zone: zone, id: id, originalAttributes: attributes)
    }
}

extension FlowTuple {
    /// Reads the attributes inside a `CTA_TUPLE_ORIG` or `CTA_TUPLE_REPLY`.
    init(reading payload: borrowing RawSpan) throws(NetlinkError) {
        var source: IPAddress?
        var destination: IPAddress?
        var transport: TransportProtocol?
        var sourcePort: UInt16?
        var destinationPort: UInt16?
        var zone: UInt16?
        try AttributeReader.forEach(in: payload) { (type, value) throws(NetlinkError) in
            switch UInt32(type) {
            case CTA_TUPLE_IP.rawValue:
                try AttributeReader.forEach(in: value) { (type, value) throws(NetlinkError) in
                    switch UInt32(type) {
                    case CTA_IP_V4_SRC.rawValue: source = .v4(IPv4Address(rawValue: try value.bigEndian()))
                    case CTA_IP_V4_DST.rawValue: destination = .v4(IPv4Address(rawValue: try value.bigEndian()))
                    case CTA_IP_V6_SRC.rawValue: source = .v6(IPv6Address(rawValue: try value.bigEndian()))
                    case CTA_IP_V6_DST.rawValue: destination = .v6(IPv6Address(rawValue: try value.bigEndian()))
                    default: break
                    }
                }
            case CTA_TUPLE_PROTO.rawValue:
                try AttributeReader.forEach(in: value) { (type, value) throws(NetlinkError) in
                    switch UInt32(type) {
                    case CTA_PROTO_NUM.rawValue: transport = TransportProtocol(rawValue: try value.integer())
                    case CTA_PROTO_SRC_PORT.rawValue: sourcePort = try value.bigEndian()
                    case CTA_PROTO_DST_PORT.rawValue: destinationPort = try value.bigEndian()
                    default: break
                    }
                }
            case CTA_TUPLE_ZONE.rawValue: zone = try value.bigEndian()
            default: break
            }
        }
        guard let source, let destination, let transport else {
            throw .malformed("a tracked connection without addresses or protocol")
        }
        self.init(
            source: source,
            destination: destination,
            transport: transport,
            sourcePort: sourcePort,
            destinationPort: destinationPort,
            zone: zone
        )
    }
}

extension AddressFamily {
    /// The corresponding C constants are `AF_INET` and `AF_INET6`.
    var number: UInt8 { self == .v4 ? 2 : 10 }

    init?(number: UInt8) {
        switch number {
        case 2: self = .v4
        case 10: self = .v6
        default: return nil
        }
    }
}
