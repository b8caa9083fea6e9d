// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// A part of a packet that keys of sets are made of.
public enum Field: Hashable, Sendable {
    /// `iifname`: the interface it came in by; empty for what this host sends.
    case inputInterface
    /// `oifname`: the interface it goes out by.
    case outputInterface
    /// `ip saddr`, `ip6 saddr`.
    case source(AddressFamily)
    /// `ip daddr`, `ip6 daddr`.
    case destination(AddressFamily)
    /// `meta l4proto`.
    case transportProtocol
    /// `th dport`.
    case destinationPort
    /// `ether saddr`.
    case sourceHardwareAddress

    /// The type of its values.
    var type: FieldType {
        switch self {
        case .inputInterface, .outputInterface: .interfaceName
        case .source(let family), .destination(let family): .address(family)
        case .transportProtocol: .transportProtocol
        case .destinationPort: .port
        case .sourceHardwareAddress: .hardwareAddress
        }
    }

    /// The address family that a packet must be of to have it; nil when all have it.
    var family: AddressFamily? {
        switch self {
        case .source(let family), .destination(let family): family
        default: nil
        }
    }

    /// Loads the field.
    func load(into register: Register) -> Expression {
        switch self {
        case .inputInterface: .meta(.inputInterfaceName, into: register)
        case .outputInterface: .meta(.outputInterfaceName, into: register)
        case .source(.v4): .payload(.network, offset: 12, length: 4, into: register)
        case .source(.v6): .payload(.network, offset: 8, length: 16, into: register)
        case .destination(.v4): .payload(.network, offset: 16, length: 4, into: register)
        case .destination(.v6): .payload(.network, offset: 24, length: 16, into: register)
        case .transportProtocol: .meta(.transportProtocol, into: register)
        case .destinationPort: .payload(.transport, offset: 2, length: 2, into: register)
        case .sourceHardwareAddress: .payload(.link, offset: 6, length: 6, into: register)
        }
    }
}

/// The type of a field in a set's key or value.
public enum FieldType: Hashable, Sendable {
    /// The option `ifname`.
    case interfaceName
    /// `ipv4_addr`, `ipv6_addr`.
    case address(AddressFamily)
    /// `inet_proto`.
    case transportProtocol
    /// `inet_service`.
    case port
    /// `ether_addr`.
    case hardwareAddress

    /// All of them.
    static var known: [FieldType] {
        [.interfaceName, .address(.v4), .address(.v6), .transportProtocol, .port, .hardwareAddress]
    }

    /// nft's number for the type; six bits of a concatenation's.
    var number: UInt32 {
        switch self {
        case .interfaceName: 41
        case .address(.v4): 7
        case .address(.v6): 8
        case .transportProtocol: 12
        case .port: 13
        case .hardwareAddress: 9
        }
    }

    /// The bytes of a value.
    var byteCount: Int {
        switch self {
        case .interfaceName: 16
        case .address(let family): family.bitWidth / 8
        case .transportProtocol: 1
        case .port: 2
        case .hardwareAddress: 6
        }
    }

    /// The bytes of a value in a concatenation: whole registers of four bytes.
    var paddedByteCount: Int { (byteCount + 3) & ~3 }
}

extension [FieldType] {
    /// nft's number for the concatenation.
    var number: UInt32 { reduce(0) { $0 << 6 | $1.number } }

    /// Reads nft's number; nil when it stands for other types as well.
    init?(number: UInt32) {
        var types: [FieldType] = []
        var rest = number
        while rest != 0 {
            guard let type = FieldType.known.first(where: { $0.number == rest & 63 }) else { return nil }
            types.append(type)
            rest >>= 6
        }
        self = types.reversed()
    }

    /// The bytes of the concatenation; a lone field is not padded.
    var byteCount: Int { count == 1 ? self[0].byteCount : reduce(0) { $0 + $1.paddedByteCount } }
}

/// A value of a field.
public enum FieldValue: Hashable, Sendable {
    /// An interface's name, at most 15 bytes.
    case interface(String)
    /// An address.
    case address(IPAddress)
    /// A transport protocol's number, such as 6 for TCP.
    case transportProtocol(UInt8)
    /// A port.
    case port(UInt16)
    /// A hardware address.
    case hardwareAddress(MACAddress)

    var octets: [UInt8] {
        switch self {
        case .interface(let name):
            let text = Array(name.utf8.prefix(15))
            return text + repeatElement(0, count: 16 - text.count)
        case .address(let address): return address.octets
        case .transportProtocol(let number): return [number]
        case .port(let port): return [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)]
        case .hardwareAddress(let address): return address.octets
        }
    }
}

extension [FieldValue] {
    /// The bytes of a key or value: a concatenation's fields each start at a multiple of four.
    public var concatenated: [UInt8] {
        guard count > 1 else { return first?.octets ?? [] }
        return flatMap { value in
            let octets = value.octets
            return octets + repeatElement(0, count: (4 - octets.count % 4) % 4)
        }
    }
}
