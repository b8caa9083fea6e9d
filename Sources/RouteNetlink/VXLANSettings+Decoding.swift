// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

extension Link {
    /// The settings of a VXLAN device; nil for other links.
    public var vxlan: VXLANSettings? {
        guard kind == "vxlan" else { return nil }
        return try? VXLANSettings(reading: kindData.span.bytes)
    }
}

extension VXLANSettings {
    /// Reads `IFLA_INFO_DATA` of a VXLAN device.
    init(reading data: borrowing RawSpan) throws(NetlinkError) {
        // Made complete at once: the closure below may not capture half of it.
        self.init(vni: 0)
        try AttributeReader.forEach(in: data) { (type, value) throws(NetlinkError) in
            switch type {
            case IFLA_VXLAN_ID: vni = try value.integer()
            case IFLA_VXLAN_LINK: underlay = try LinkIndex(nonZero: value)
            case IFLA_VXLAN_LOCAL: local = try IPAddress(reading: value, .v4)
            case IFLA_VXLAN_LOCAL6: local = try IPAddress(reading: value, .v6)
            case IFLA_VXLAN_GROUP: group = try IPAddress(reading: value, .v4)
            case IFLA_VXLAN_GROUP6: group = try IPAddress(reading: value, .v6)
            case IFLA_VXLAN_PORT: port = try value.bigEndian()
            case IFLA_VXLAN_LEARNING: learning = try value.integer(UInt8.self) != 0
            case IFLA_VXLAN_GBP: groupBasedPolicy = true
            case IFLA_VXLAN_COLLECT_METADATA: collectsMetadata = try value.integer(UInt8.self) != 0
            default: break
            }
        }
    }
}
