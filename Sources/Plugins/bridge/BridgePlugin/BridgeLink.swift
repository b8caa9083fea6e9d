// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import IPAddresses
internal import LinuxSystem
internal import Netlink
internal import RouteNetlink

/// The bridge: made when missing, checked when present.
///
/// It belongs to the network and survives DEL.
enum BridgeLink {
    /// Finds or makes the bridge a configuration asks for, up, with VLAN filtering where it is needed.
    static func ensure(
        _ configuration: BridgeConfiguration,
        _ host: borrowing RouteSocket
    ) throws(CNIError) -> Link {
        if let existing = try find(configuration.bridge, host) {
            // A bridge we did not make may be the host's way out; as a gateway it is the containers' own.
            if configuration.isGateway { ignoreRouterAdvertisements(on: existing) }
            return try adopt(existing, configuration, host)
        }
        do {
            // A hardware address from us is kept; one from the kernel would follow the ports.
            try host.addBridge(
                BridgeOptions(
                    name: configuration.bridge,
                    mac: .random(),
                    mtu: configuration.mtu.map(unpinned),
                    vlanFiltering: configuration.needsVLANFiltering,
                    isUp: true
                )
            )
        } catch {
            // Another ADD was as fast: EEXIST is what was wanted.
            if error.number != .exists { throw CNIError(error) }
        }
        guard let made = try find(configuration.bridge, host) else {
            throw CNIError(.conflict, "bridge \(configuration.bridge) was removed while it was being used")
        }
        ignoreRouterAdvertisements(on: made)
        return try adopt(made, configuration, host)
    }

    /// The MTU a new bridge starts with: one more than it is to have.
    ///
    /// An MTU from the creating request is forgotten with the last port; only a change to another value stays. Until
    /// then the bridge is large enough for the ports of other ADDs, and whoever adopts it like that finishes the work.
    private static func unpinned(_ mtu: Int) -> Int { min(mtu + 1, 65_535) }

    /// Has an interface that containers can reach take no router's advice: theirs would become the host's.
    static func ignoreRouterAdvertisements(on interface: Link) {
        // Without IPv6 in the kernel there is nothing to write to, and nothing to fear.
        if interface.routerAdvertisements == 0 { return }
        try? Sysctl.ipv6(interface.name, "accept_ra").write("0")
    }

    /// The bridge of a name; nil when there is no such link.
    static func find(_ name: String, _ host: borrowing RouteSocket) throws(CNIError) -> Link? {
        guard let link = try kernel({ () throws(NetlinkError) in try host.link(named: name) }) else { return nil }
        guard link.kind == "bridge" else {
            throw CNIError(
                .conflict,
                "\"\(name)\" already exists but is not a bridge",
                details: "it is a \(link.kind ?? "device"); remove it, or choose another name in \"bridge\""
            )
        }
        return link
    }

    private static func adopt(
        _ bridge: Link,
        _ configuration: BridgeConfiguration,
        _ host: borrowing RouteSocket
    ) throws(CNIError) -> Link {
        var bridge = bridge
        if let mtu = configuration.mtu, bridge.mtu == unpinned(mtu), bridge.mtu != mtu {
            try kernel { () throws(NetlinkError) in try host.setMTU(mtu, of: bridge.index) }
            bridge.mtu = mtu
        }
        if let mtu = configuration.mtu, mtu > bridge.mtu {
            throw CNIError(
                .conflict,
                "mtu \(mtu) is larger than that of bridge \(bridge.name), \(bridge.mtu)",
                details: "run: ip link set \(bridge.name) mtu \(mtu), or lower mtu in the configuration"
            )
        }
        if configuration.needsVLANFiltering && bridge.vlanFiltering != true {
            try enableVLANFiltering(on: bridge, host)
        }
        try kernel { () throws(NetlinkError) in
            if configuration.promiscuousMode && !bridge.isPromiscuous { try host.setPromiscuous(true, bridge.index) }
            if !bridge.isUp { try host.bringUp(bridge.index) }
        }
        return bridge
    }

    /// Filtering changes what every port sends and receives: ours were made for it, others were not.
    private static func enableVLANFiltering(
        on bridge: Link,
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        let ports = try kernel { () throws(NetlinkError) in try host.links(withMaster: bridge.index) }
        let foreign = ports.filter { !isOurs($0) }
        guard foreign.isEmpty else {
            throw CNIError(
                .conflict,
                "bridge \(bridge.name) has no VLAN filtering, and ports that are not ours: "
                    + foreign.map(\.name).joined(separator: ", "),
                details: "run: ip link set \(bridge.name) type bridge vlan_filtering 1"
            )
        }
        try kernel { () throws(NetlinkError) in try host.setVLANFiltering(true, of: bridge.index) }
    }

    /// A port that an ADD of ours made, or is about to finish making: then only the name tells.
    private static func isOurs(_ port: Link) -> Bool {
        port.kind == "veth" && (PortAlias.isOn(port) || AttachmentIdentity.isHostInterfaceName(port.name))
    }
}
