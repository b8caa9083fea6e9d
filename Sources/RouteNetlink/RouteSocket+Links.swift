// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import IPAddresses
public import LinuxSystem
public import Netlink

extension RouteSocket {
    /// The link with a name or an alternative name: `ip link show`.
    ///
    /// - Returns: nil when there is no such link.
    public borrowing func link(named name: String) throws(NetlinkError) -> Link? {
        try queryLink("look up link \(name)") { writer in
            writer.append(header: ifinfomsg())
            // Names of more than 15 bytes can only be alternative ones.
            writer.put(name.utf8.count < 16 ? IFLA_IFNAME : IFLA_ALT_IFNAME, string: name)
        }
    }

    /// The link with a number.
    ///
    /// - Returns: nil when there is no such link.
    public borrowing func link(_ index: LinkIndex) throws(NetlinkError) -> Link? {
        try queryLink("look up \(index)") { writer in
            var header = ifinfomsg()
            header.ifi_index = Int32(bitPattern: index.rawValue)
            writer.append(header: header)
        }
    }

    private borrowing func queryLink(
        _ operation: String,
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) -> Link? {
        let request = try NetlinkRequest(operation, purpose: .query, type: RTM_GETLINK, flags: []) { writer in
            body(&writer)
            // Counters are half of the answer.
            writer.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
        }
        var found: Link?
        do throws(NetlinkError) {
            try socket.query(request) { (type, payload) throws(NetlinkError) in
                if type == RTM_NEWLINK { found = try Link(reading: payload) }
            }
        } catch {
            if error.number == .noSuchDevice { return nil }
            throw error
        }
        return found
    }

    /// All links, or the ports of one bridge: `ip link show master …`.
    public borrowing func links(withMaster master: LinkIndex? = nil) throws(NetlinkError) -> [Link] {
        let request = try NetlinkRequest("list links", purpose: .query, type: RTM_GETLINK, flags: .dump) { writer in
            writer.append(header: ifinfomsg())
            writer.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
            if let master { writer.put(IFLA_MASTER, master.rawValue) }
        }
        return try socket.dump(request) { (type, payload) throws(NetlinkError) in
            guard type == RTM_NEWLINK else { return nil }
            let link = try Link(reading: payload)
            return master == nil || link.masterIndex == master ? link : nil
        }
    }

    /// Makes a bridge, up unless said otherwise: `ip link add … type bridge`.
    ///
    /// - Returns: Its number.
    /// - Throws: `EEXIST` when the name is taken.
    @discardableResult
    public borrowing func addBridge(_ options: BridgeOptions) throws(NetlinkError) -> LinkIndex {
        try add(.addBridge(options), named: options.name).index
    }

    /// Makes two connected interfaces in one request: `ip link add … type veth peer …`.
    ///
    /// - Returns: The numbers of both ends.
    /// - Throws: `EEXIST` when a name is taken, on either side.
    public borrowing func addVeth(_ pair: VethPair) throws(NetlinkError) -> VethIndices {
        let link = try add(.addVeth(pair), named: pair.name)
        return VethIndices(host: link.index, peer: link.peerIndex)
    }

    /// Sends a creating request and takes the link from the echoed notification.
    borrowing func add(_ request: RouteRequest, named name: String) throws(NetlinkError) -> Link {
        var made: Link?
        try socket.perform(request.message) { (type, payload) throws(NetlinkError) in
            guard type == RTM_NEWLINK else { return }
            let link = try Link(reading: payload)
            if link.name == name { made = link }
        }
        if let made { return made }
        // Before Linux 6.2 the kernel sends no echo of a new link.
        guard let found = try link(named: name) else {
            throw .refused(
                request.message.operation,
                purpose: .query,
                number: .noSuchDevice,
                kernelMessage: "removed or renamed by someone else right after it was made"
            )
        }
        return found
    }

    /// Removes a link: `ip link delete`.
    public borrowing func removeLink(_ index: LinkIndex) throws(NetlinkError) { try perform(.removeLink(index)) }

    /// Switches a link on: `ip link set … up`.
    public borrowing func bringUp(_ index: LinkIndex) throws(NetlinkError) { try perform(.bringUp(index)) }

    /// Switches a link off: `ip link set … down`.
    public borrowing func bringDown(_ index: LinkIndex) throws(NetlinkError) { try perform(.bringDown(index)) }

    /// Sets whether the link announces its IPv4 addresses when it comes up or its MAC changes.
    ///
    /// The same as `net.ipv4.conf.<name>.arp_notify`, without a look-up under /proc/sys (see ``isForwarding(_:)``).
    public borrowing func setARPNotify(_ notifies: Bool, of index: LinkIndex) throws(NetlinkError) {
        try perform(.setARPNotify(notifies, of: index))
    }

    /// Has the kernel give a link that is down no link-local address when it comes up: `ip link set … addrgenmode none`.
    ///
    /// Without one it solicits no routers either. A kernel without IPv6 has nothing to be told.
    public borrowing func disableLinkLocalAddress(of index: LinkIndex) throws(NetlinkError) {
        do throws(NetlinkError) { try perform(.disableLinkLocalAddress(of: index)) } catch {
            guard [.notSupported, .addressFamilyNotSupported].contains(error.number) else { throw error }
        }
    }

    /// Sets the MTU in bytes: `ip link set … mtu`.
    public borrowing func setMTU(_ mtu: Int, of index: LinkIndex) throws(NetlinkError) {
        try perform(.setMTU(mtu, of: index))
    }

    /// Sets the Ethernet address: `ip link set … address`.
    public borrowing func setMAC(_ mac: MACAddress, of index: LinkIndex) throws(NetlinkError) {
        try perform(.setMAC(mac, of: index))
    }

    /// Makes a link a port of a bridge, or of none: `ip link set … master`, `nomaster`.
    public borrowing func setMaster(_ master: LinkIndex?, of index: LinkIndex) throws(NetlinkError) {
        try perform(.setMaster(master, of: index))
    }

    /// Has a link receive all packets, or its own only: `ip link set … promisc on`.
    public borrowing func setPromiscuous(_ on: Bool, _ index: LinkIndex) throws(NetlinkError) {
        try perform(.setPromiscuous(on, index))
    }

    /// Gives a link a text: `ip link set … alias`; "" removes it.
    public borrowing func setAlias(_ alias: String, of index: LinkIndex) throws(NetlinkError) {
        try perform(.setAlias(alias, of: index))
    }

    /// Renames a link: `ip link set … name`.
    public borrowing func rename(_ index: LinkIndex, to name: String) throws(NetlinkError) {
        try perform(.rename(index, to: name))
    }

    /// Moves a link to another network namespace: `ip link set … netns`.
    public borrowing func move(
        _ index: LinkIndex,
        to namespace: borrowing NetworkNamespace
    ) throws(NetlinkError) {
        try perform(.move(index, toNamespace: namespace.rawDescriptor))
    }
}
