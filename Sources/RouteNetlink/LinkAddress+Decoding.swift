// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

extension LinkAddress {
    /// Reads what follows the header of an `RTM_NEWADDR` or `RTM_DELADDR`: `struct ifaddrmsg` and attributes.
    ///
    /// - Returns: nil for a family other than IPv4 and IPv6.
    init?(reading payload: borrowing RawSpan) throws(NetlinkError) {
        guard let family = AddressFamily(number: try payload.field(at: 0)) else { return nil }
        let length = Int(try payload.field(at: 1, UInt8.self))
        // Made complete at once: the closure below may not capture half of it.
        self.init(prefix: .everything(family))
        broadcast = nil
        flags = AddressFlags(rawValue: UInt32(try payload.field(at: 2, UInt8.self)))
        scope = try payload.field(at: 3)
        interface = LinkIndex(rawValue: try payload.field(at: 4))
        var local: IPAddress?
        var address: IPAddress?
        try AttributeReader.forEach(in: payload, after: 8) { (type, value) throws(NetlinkError) in
            switch type {
            case IFA_LOCAL: local = try IPAddress(reading: value, family)
            case IFA_ADDRESS: address = try IPAddress(reading: value, family)
            case IFA_BROADCAST: broadcast = try IPAddress(reading: value, family)
            case IFA_LABEL: label = value.string
            // All bits; the field in the header has room for the lowest eight only.
            case IFA_FLAGS: flags = AddressFlags(rawValue: try value.integer())
            case IFA_PROTO: protocolNumber = try value.integer()
            // Lifetimes: they change by themselves.
            case IFA_CACHEINFO: break
            default: unknownAttributes.append(UnknownAttribute(type: type, payload: value.octets))
            }
        }
        guard let own = local ?? address, let prefix = IPPrefix(own, length: length) else {
            throw .malformed("an address without IFA_LOCAL and IFA_ADDRESS, or with prefix length \(length)")
        }
        self.prefix = prefix
        peer = address == own ? nil : address
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

extension IPAddress {
    /// Reads an address of a family whose length the attribute must have.
    init(reading value: borrowing RawSpan, _ family: AddressFamily) throws(NetlinkError) {
        guard value.byteCount * 8 == family.bitWidth else {
            throw .malformed("an \(family) address of \(value.byteCount) bytes")
        }
        // Without an array in between: thousands are read at a time.
        self =
            switch family {
            case .v4: .v4(IPv4Address(rawValue: try value.bigEndian()))
            case .v6: .v6(IPv6Address(rawValue: try value.bigEndian()))
            }
    }
}
