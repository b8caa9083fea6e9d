// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import Netlink

extension RouteRequest {
    /// Has a bridge tell VLANs apart, or not: `ip link set … type bridge vlan_filtering 1`.
    ///
    /// A kernel without bridge VLAN filtering answers `EOPNOTSUPP`, and ``Link/vlanFiltering`` is nil there.
    public static func setVLANFiltering(_ on: Bool, of bridge: LinkIndex) throws(NetlinkError) -> RouteRequest {
        let operation = on ? "enable VLAN filtering of" : "disable VLAN filtering of"
        return try changeKind("bridge", of: bridge, operation, purpose: .changeVLANs) { writer in
            writer.put(IFLA_BR_VLAN_FILTERING, UInt8(on ? 1 : 0))
        }
    }

    /// Sets what a bridge port may do: `bridge link set … hairpin on isolated on`; nil leaves a setting as it is.
    public static func setBridgePort(
        _ index: LinkIndex,
        hairpinMode: Bool? = nil,
        isolated: Bool? = nil
    ) throws(NetlinkError) -> RouteRequest {
        try RouteRequest("set bridge port options of", on: index, purpose: .changePort, type: RTM_SETLINK) { writer in
            writer.append(header: bridgeHeader(index))
            writer.nest(IFLA_PROTINFO) { writer in
                if let hairpinMode { writer.put(IFLA_BRPORT_MODE, UInt8(hairpinMode ? 1 : 0)) }
                if let isolated { writer.put(IFLA_BRPORT_ISOLATED, UInt8(isolated ? 1 : 0)) }
            }
        }
    }

    /// Has a bridge port take part in VLANs: `bridge vlan add dev … vid … pvid untagged`.
    ///
    /// - Parameter bridgeItself: Whether `port` is the bridge, whose own traffic is meant (`bridge vlan add … self`).
    public static func addVLANs(
        _ vlans: [BridgeVLAN],
        to port: LinkIndex,
        bridgeItself: Bool = false
    ) throws(NetlinkError) -> RouteRequest {
        try changeVLANs("add VLANs \(text(vlans)) to", RTM_SETLINK, vlans, port, bridgeItself)
    }

    /// Has a bridge port leave VLANs: `bridge vlan delete`.
    public static func removeVLANs(
        _ vlans: [BridgeVLAN],
        from port: LinkIndex,
        bridgeItself: Bool = false
    ) throws(NetlinkError) -> RouteRequest {
        try changeVLANs("remove VLANs \(text(vlans)) from", RTM_DELLINK, vlans, port, bridgeItself)
    }

    private static func changeVLANs(
        _ operation: String,
        _ type: Int,
        _ vlans: [BridgeVLAN],
        _ port: LinkIndex,
        _ bridgeItself: Bool
    ) throws(NetlinkError) -> RouteRequest {
        for vlan in vlans {
            guard vlan.ids.lowerBound >= 1, vlan.ids.upperBound <= 4094 else {
                throw .invalid("\(operation) \(port)", "VLAN \(text([vlan])) is outside 1 to 4094")
            }
            guard vlan.ids.count == 1 || !vlan.isPVID else {
                throw .invalid("\(operation) \(port)", "VLANs \(text([vlan])): only one VLAN can be the PVID")
            }
        }
        return try RouteRequest(operation, on: port, purpose: .changeVLANs, type: type) { writer in
            writer.append(header: bridgeHeader(port))
            writer.nest(IFLA_AF_SPEC) { writer in
                if bridgeItself { writer.put(IFLA_BRIDGE_FLAGS, UInt16(BRIDGE_FLAGS_SELF)) }
                for vlan in vlans { write(vlan, &writer) }
            }
        }
    }

    /// One `struct bridge_vlan_info` for a VLAN, two for a range.
    private static func write(_ vlan: BridgeVLAN, _ writer: inout AttributeWriter) {
        var flags: UInt16 = 0
        if vlan.isPVID { flags |= UInt16(BRIDGE_VLAN_INFO_PVID) }
        if vlan.isUntagged { flags |= UInt16(BRIDGE_VLAN_INFO_UNTAGGED) }
        if vlan.ids.count == 1 {
            put(flags, vlan.id, &writer)
        } else {
            put(flags | UInt16(BRIDGE_VLAN_INFO_RANGE_BEGIN), vlan.ids.lowerBound, &writer)
            put(flags | UInt16(BRIDGE_VLAN_INFO_RANGE_END), vlan.ids.upperBound, &writer)
        }
    }

    private static func put(_ flags: UInt16, _ id: UInt16, _ writer: inout AttributeWriter) {
        // Both fields of the structure in one integer: flags first, in the host's order.
        let fields = withUnsafeBytes(of: flags) { Array($0) } + withUnsafeBytes(of: id) { Array($0) }
        writer.put(IFLA_BRIDGE_VLAN_INFO, bytes: fields)
    }

    private static func bridgeHeader(_ index: LinkIndex) -> ifinfomsg {
        var header = ifinfomsg()
        header.ifi_family = BridgeFamily.number
        header.ifi_index = Int32(bitPattern: index.rawValue)
        return header
    }

    private static func text(_ vlans: [BridgeVLAN]) -> String {
        vlans.map { $0.ids.count == 1 ? "\($0.id)" : "\($0.ids.lowerBound)-\($0.ids.upperBound)" }
            .joined(separator: ", ")
    }
}
