// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

extension Route {
    /// Reads what follows the header of an `RTM_NEWROUTE` or `RTM_DELROUTE`: `struct rtmsg` and attributes.
    ///
    /// - Returns: nil for other families, and for cache entries (`RTM_F_CLONED`).
    init?(reading payload: borrowing RawSpan) throws(NetlinkError) {
        guard let family = AddressFamily(number: try payload.field(at: 0)) else { return nil }
        let rtmFlags = try payload.field(at: 8, UInt32.self)
        if rtmFlags & UInt32(RTM_F_CLONED) != 0 { return nil }
        let length = Int(try payload.field(at: 1, UInt8.self))
        // Made complete at once: the closure below may not capture half of it.
        self.init(destination: .everything(family))
        // Tables above 255 are in an attribute.
        table = UInt32(try payload.field(at: 4, UInt8.self))
        protocolNumber = try payload.field(at: 5)
        scope = try payload.field(at: 6)
        type = RouteType(rawValue: try payload.field(at: 7))
        isOnLink = rtmFlags & UInt32(RTNH_F_ONLINK) != 0
        var address = IPPrefix.everything(family).address
        try AttributeReader.forEach(in: payload, after: 12) { (type, value) throws(NetlinkError) in
            switch UInt32(type) {
            case RTA_DST.rawValue: address = try IPAddress(reading: value, family)
            case RTA_GATEWAY.rawValue: gateway = try IPAddress(reading: value, family)
            case RTA_VIA.rawValue: gateway = try Route.readVia(value)
            case RTA_OIF.rawValue: interface = try LinkIndex(nonZero: value)
            case RTA_PREFSRC.rawValue: source = try IPAddress(reading: value, family)
            case RTA_PRIORITY.rawValue: priority = try value.integer()
            case RTA_TABLE.rawValue: table = try value.integer()
            case RTA_METRICS.rawValue:
                try AttributeReader.forEach(in: value) { (type, value) throws(NetlinkError) in
                    switch type {
                    case RTAX_MTU: mtu = try value.integer()
                    case RTAX_ADVMSS: advertisedMSS = try value.integer()
                    default: break
                    }
                }
            // Use counts and the like: they change by themselves. The preference of IPv6 routers is medium.
            case RTA_CACHEINFO.rawValue, RTA_PREF.rawValue: break
            default: unknownAttributes.append(UnknownAttribute(type: type, payload: value.octets))
            }
        }
        guard let destination = IPPrefix(address, length: length) else {
            throw .malformed("a route with prefix length \(length)")
        }
        self.destination = destination
    }

    /// Reads `struct rtvia`: a family and an address of that family.
    private static func readVia(_ value: borrowing RawSpan) throws(NetlinkError) -> IPAddress? {
        guard let family = AddressFamily(number: UInt8(truncatingIfNeeded: try value.field(at: 0, UInt16.self))) else {
            return nil
        }
        return try IPAddress(reading: value.extracting(2..<value.byteCount), family)
    }
}
