// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import IPAddresses
public import Netlink

extension RouteRequest {
    /// Makes a VXLAN device: `ip link add NAME address MAC mtu MTU type vxlan id VNI dev UNDERLAY local … dstport …`.
    public static func addVXLAN(_ options: VXLANOptions) throws(NetlinkError) -> RouteRequest {
        let operation = "add link \(options.name)"
        try requireInterfaceName(options.name, operation)
        let link = rtnl_link_alloc()
        defer { rtnl_link_put(link) }
        try describe(link, name: options.name, mac: options.mac, mtu: options.mtu, isUp: options.isUp, operation)
        return try RouteRequest(
            operation,
            on: nil,
            purpose: .addLink,
            flags: [.create, .exclusive, .echo],
            { rtnl_link_build_add_request(link, 0, &$0) },
            // libnl-route 3.7 writes the port with four bytes, of which each time a line of the kernel's log complains.
            amendment: { $0.putKind("vxlan") { write(options.settings, &$0) } }
        )
    }

    /// Sets whether a VXLAN device learns from frames: `ip link set … type vxlan learning`.
    public static func setLearning(_ on: Bool, of index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        let operation = on ? "enable learning of" : "disable learning of"
        return try changeKind("vxlan", of: index, operation, purpose: .changeLink) { writer in
            writer.put(IFLA_VXLAN_LEARNING, UInt8(on ? 1 : 0))
        }
    }

    /// Sets by which address and interface a VXLAN device's packets leave: `ip link set … type vxlan local … dev …`.
    ///
    /// What the device knows of others stays. The kernel refuses an address of the other family (`EOPNOTSUPP`).
    public static func setUnderlay(
        local: IPAddress,
        underlay: LinkIndex,
        of index: LinkIndex
    ) throws(NetlinkError) -> RouteRequest {
        let operation = "let packets leave from \(local) on \(underlay) for"
        return try changeKind("vxlan", of: index, operation, purpose: .changeLink) { writer in
            writer.put(local.family == .v4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, bytes: local.octets)
            writer.put(IFLA_VXLAN_LINK, underlay.rawValue)
        }
    }

    private static func write(_ settings: VXLANSettings, _ writer: inout AttributeWriter) {
        writer.put(IFLA_VXLAN_ID, settings.vni)
        if let underlay = settings.underlay { writer.put(IFLA_VXLAN_LINK, underlay.rawValue) }
        if let local = settings.local {
            writer.put(local.family == .v4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, bytes: local.octets)
        }
        if let group = settings.group {
            writer.put(group.family == .v4 ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, bytes: group.octets)
        }
        writer.put(IFLA_VXLAN_PORT, bigEndian: settings.port)
        // A new device learns unless it is told not to.
        writer.put(IFLA_VXLAN_LEARNING, UInt8(settings.learning ? 1 : 0))
        if settings.groupBasedPolicy { writer.putFlag(IFLA_VXLAN_GBP) }
        if settings.collectsMetadata { writer.put(IFLA_VXLAN_COLLECT_METADATA, UInt8(1)) }
    }
}

extension RouteSocket {
    /// Makes a VXLAN device: `ip link add … type vxlan`.
    ///
    /// - Returns: Its number.
    /// - Throws: `EEXIST` when the name is taken, or another device has this VNI and port already.
    @discardableResult
    public borrowing func addVXLAN(_ options: VXLANOptions) throws(NetlinkError) -> LinkIndex {
        try add(.addVXLAN(options), named: options.name).index
    }

    /// Sets whether a VXLAN device learns from frames where addresses are.
    public borrowing func setLearning(_ on: Bool, of index: LinkIndex) throws(NetlinkError) {
        try perform(.setLearning(on, of: index))
    }
}
