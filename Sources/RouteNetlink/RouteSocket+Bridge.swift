// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import Netlink

extension RouteSocket {
    /// Has a bridge tell VLANs apart, or not: `ip link set … type bridge vlan_filtering 1`.
    ///
    /// A kernel without bridge VLAN filtering answers `EOPNOTSUPP`, and ``Link/vlanFiltering`` is nil there.
    public borrowing func setVLANFiltering(_ on: Bool, of bridge: LinkIndex) throws(NetlinkError) {
        try perform(.setVLANFiltering(on, of: bridge))
    }

    /// Sets what a bridge port may do: `bridge link set … hairpin on isolated on`; nil leaves a setting as it is.
    public borrowing func setBridgePort(
        _ index: LinkIndex,
        hairpinMode: Bool? = nil,
        isolated: Bool? = nil
    ) throws(NetlinkError) {
        try perform(.setBridgePort(index, hairpinMode: hairpinMode, isolated: isolated))
    }

    /// Has a bridge port take part in VLANs: `bridge vlan add`.
    ///
    /// - Parameter bridgeItself: Whether `port` is the bridge, whose own traffic is meant (`bridge vlan add … self`).
    public borrowing func addVLANs(
        _ vlans: [BridgeVLAN],
        to port: LinkIndex,
        bridgeItself: Bool = false
    ) throws(NetlinkError) {
        try perform(.addVLANs(vlans, to: port, bridgeItself: bridgeItself))
    }

    /// Has a bridge port leave VLANs: `bridge vlan delete`.
    public borrowing func removeVLANs(
        _ vlans: [BridgeVLAN],
        from port: LinkIndex,
        bridgeItself: Bool = false
    ) throws(NetlinkError) {
        try perform(.removeVLANs(vlans, from: port, bridgeItself: bridgeItself))
    }

    /// The VLANs of a bridge port, or of the bridge itself: `bridge vlan show dev …`.
    ///
    /// - Returns: Single VLANs, and ranges where the kernel joins them; nothing where it has no VLAN filtering.
    public borrowing func vlans(of port: LinkIndex) throws(NetlinkError) -> [BridgeVLAN] {
        // Strict checking allows no filter by interface here.
        let request = try NetlinkRequest("list VLANs", purpose: .query, type: RTM_GETLINK, flags: .dump) { writer in
            var header = ifinfomsg()
            header.ifi_family = BridgeFamily.number
            writer.append(header: header)
            writer.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_BRVLAN_COMPRESSED))
        }
        let lists = try socket.dump(request) { (type, payload) throws(NetlinkError) -> [BridgeVLAN]? in
            guard type == RTM_NEWLINK, try payload.field(at: 4, UInt32.self) == port.rawValue else { return nil }
            return try BridgeVLAN.list(reading: payload)
        }
        return Array(lists.joined())
    }
}

extension BridgeVLAN {
    /// Reads `IFLA_AF_SPEC` of a link message of the bridge family.
    static func list(reading payload: borrowing RawSpan) throws(NetlinkError) -> [BridgeVLAN] {
        var vlans: [BridgeVLAN] = []
        var start: UInt16?
        try AttributeReader.forEach(in: payload, after: 16) { (type, value) throws(NetlinkError) in
            guard type == IFLA_AF_SPEC else { return }
            try AttributeReader.forEach(in: value) { (type, value) throws(NetlinkError) in
                guard type == IFLA_BRIDGE_VLAN_INFO else { return }
                let flags = try value.field(at: 0, UInt16.self)
                let id = try value.field(at: 2, UInt16.self)
                if flags & UInt16(BRIDGE_VLAN_INFO_RANGE_BEGIN) != 0 {
                    start = id
                    return
                }
                guard (start ?? id) <= id else { throw .malformed("VLANs \(start ?? id) to \(id)") }
                vlans.append(
                    BridgeVLAN(
                        ids: (start ?? id)...id,
                        isPVID: flags & UInt16(BRIDGE_VLAN_INFO_PVID) != 0,
                        isUntagged: flags & UInt16(BRIDGE_VLAN_INFO_UNTAGGED) != 0
                    )
                )
                start = nil
            }
        }
        return vlans
    }
}
