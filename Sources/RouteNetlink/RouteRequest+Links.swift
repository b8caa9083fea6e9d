// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import IPAddresses
public import Netlink

extension RouteRequest {
    /// Makes a bridge: `ip link add NAME address MAC mtu MTU type bridge vlan_filtering 1`; fails where the name exists.
    public static func addBridge(_ options: BridgeOptions) throws(NetlinkError) -> RouteRequest {
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
            // libnl-route 3.7 knows no settings of a bridge itself.
            amendment: { writer in
                writer.putKind("bridge") { writer in
                    if let pvid = options.defaultPVID { writer.put(IFLA_BR_VLAN_DEFAULT_PVID, pvid) }
                    // Off is the default, and the one thing that a kernel without VLAN filtering can do.
                    if options.vlanFiltering { writer.put(IFLA_BR_VLAN_FILTERING, UInt8(1)) }
                    if let snooping = options.multicastSnooping {
                        writer.put(IFLA_BR_MCAST_SNOOPING, UInt8(snooping ? 1 : 0))
                    }
                }
            }
        )
    }

    /// Makes two connected interfaces: `ip link add NAME master BRIDGE up type veth peer name PEER netns …`.
    public static func addVeth(_ pair: VethPair) throws(NetlinkError) -> RouteRequest {
        let operation = "add link \(pair.name) with peer \(pair.peerName)"
        try requireInterfaceName(pair.name, operation)
        try requireInterfaceName(pair.peerName, operation)
        let link = rtnl_link_veth_alloc()
        guard let link, let peer = rtnl_link_veth_get_peer(link) else {
            throw .invalid(operation, "no memory for a link")
        }
        // Each reference is given back by itself.
        defer {
            rtnl_link_put(peer)
            rtnl_link_veth_release(link)
        }
        try describe(link, name: pair.name, mac: pair.mac, mtu: pair.mtu, isUp: pair.isUp, operation)
        try describe(peer, name: pair.peerName, mac: pair.peerMAC, mtu: pair.peerMTU, isUp: false, operation)
        if let master = pair.masterIndex { rtnl_link_set_master(link, Int32(bitPattern: master.rawValue)) }
        if let namespace = pair.peerNamespace { rtnl_link_set_ns_fd(peer, namespace) }
        return try RouteRequest(
            operation,
            on: nil,
            purpose: .addLink,
            flags: [.create, .exclusive, .echo]
        ) { rtnl_link_build_add_request(link, 0, &$0) }
    }

    /// Removes a link: `ip link delete`.
    public static func removeLink(_ index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        let link = object(index)
        defer { rtnl_link_put(link) }
        return try RouteRequest("remove link", on: index, purpose: .changeLink) {
            rtnl_link_build_delete_request(link, &$0)
        }
    }

    /// Switches a link on: `ip link set … up`.
    public static func bringUp(_ index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        try change("bring up", index) { rtnl_link_set_flags($0, InterfaceFlags.up.rawValue) }
    }

    /// Switches a link off: `ip link set … down`.
    public static func bringDown(_ index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        try change("bring down", index) { rtnl_link_unset_flags($0, InterfaceFlags.up.rawValue) }
    }

    /// Sets whether the link announces its IPv4 addresses when it comes up or its MAC changes (`arp_notify`).
    public static func setARPNotify(_ notifies: Bool, of index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        try change("set arp_notify of", index) { link in
            _ = rtnl_link_inet_set_conf(link, UInt32(IPV4_DEVCONF_ARP_NOTIFY), notifies ? 1 : 0)
        }
    }

    /// Sets the MTU in bytes: `ip link set … mtu`.
    public static func setMTU(_ mtu: Int, of index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        let operation = "set MTU \(mtu) of"
        let value = try requireMTU(mtu, operation)
        return try change(operation, index) { rtnl_link_set_mtu($0, value) }
    }

    /// Sets the Ethernet address: `ip link set … address`.
    public static func setMAC(_ mac: MACAddress, of index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        try change("set MAC address \(mac) of", index) { link in
            LibnlAddress(mac).lend { rtnl_link_set_addr(link, $0) }
        }
    }

    /// Makes a link a port of a bridge, or of none: `ip link set … master`, `nomaster`.
    public static func setMaster(_ master: LinkIndex?, of index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        try change(
            master.map { "set master (interface \($0.rawValue)) of" } ?? "remove master of",
            index,
            purpose: .changePort
        ) {
            rtnl_link_set_master($0, Int32(bitPattern: master?.rawValue ?? 0))
        }
    }

    /// Has a link receive all packets, or its own only: `ip link set … promisc on`.
    public static func setPromiscuous(_ on: Bool, _ index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        try change(on ? "set promiscuous mode of" : "end promiscuous mode of", index) {
            let flag = InterfaceFlags.promiscuous.rawValue
            if on { rtnl_link_set_flags($0, flag) } else { rtnl_link_unset_flags($0, flag) }
        }
    }

    /// Has the kernel give a link no link-local address: `ip link set … addrgenmode none`.
    public static func disableLinkLocalAddress(of index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        try change("set addrgenmode none of", index) { link in
            _ = rtnl_link_inet6_set_addr_gen_mode(link, UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue))
        }
    }

    /// Gives a link a text: `ip link set … alias`; "" removes it.
    public static func setAlias(_ alias: String, of index: LinkIndex) throws(NetlinkError) -> RouteRequest {
        // IFALIASZ is 256, and the kernel counts the NUL that libnl sends besides its own.
        guard alias.utf8.count < 255 else {
            throw .invalid("set alias of \(index)", "an alias of \(alias.utf8.count) bytes; 254 are possible")
        }
        return try change("set alias of", index) { rtnl_link_set_ifalias($0, alias) }
    }

    /// Renames a link: `ip link set … name`.
    public static func rename(_ index: LinkIndex, to name: String) throws(NetlinkError) -> RouteRequest {
        try requireInterfaceName(name, "rename \(index) to \(name)")
        return try change("set name \(name) of", index) { rtnl_link_set_name($0, name) }
    }

    /// Moves a link to another network namespace: `ip link set … netns`.
    ///
    /// - Parameter namespace: A descriptor of the namespace.
    public static func move(_ index: LinkIndex, toNamespace namespace: Int32) throws(NetlinkError) -> RouteRequest {
        try change("move to another namespace", index) { rtnl_link_set_ns_fd($0, namespace) }
    }

    // MARK: Parts

    /// What may be the name of an interface (`dev_valid_name()` in the kernel); libnl would cut a long one.
    static func requireInterfaceName(_ name: String, _ operation: String) throws(NetlinkError) {
        let isValid =
            (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        if !isValid {
            throw .invalid(
                operation,
                "interface name \"\(name)\": 1 to 15 bytes without space, slash and colon are possible"
            )
        }
    }

    static func requireMTU(_ mtu: Int, _ operation: String) throws(NetlinkError) -> UInt32 {
        guard let value = UInt32(exactly: mtu) else { throw .invalid(operation, "MTU \(mtu) is out of range") }
        return value
    }

    static func describe(
        _ link: OpaquePointer?,
        name: String,
        mac: MACAddress?,
        mtu: Int?,
        isUp: Bool,
        _ operation: String
    ) throws(NetlinkError) {
        rtnl_link_set_name(link, name)
        if let mac { LibnlAddress(mac).lend { rtnl_link_set_addr(link, $0) } }
        if let mtu { rtnl_link_set_mtu(link, try requireMTU(mtu, operation)) }
        if isUp { rtnl_link_set_flags(link, InterfaceFlags.up.rawValue) }
    }

    private static func object(_ index: LinkIndex) -> OpaquePointer? {
        let link = rtnl_link_alloc()
        rtnl_link_set_ifindex(link, Int32(bitPattern: index.rawValue))
        return link
    }

    private static func change(
        _ operation: String,
        _ index: LinkIndex,
        purpose: RequestPurpose = .changeLink,
        _ body: (OpaquePointer?) -> Void
    ) throws(NetlinkError) -> RouteRequest {
        let original = object(index)
        let changes = rtnl_link_alloc()
        defer {
            rtnl_link_put(original)
            rtnl_link_put(changes)
        }
        body(changes)
        return try RouteRequest(operation, on: index, purpose: purpose) {
            rtnl_link_build_change_request(original, changes, 0, &$0)
        }
    }
}
