// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import IPAddresses
internal import LinuxSystem
internal import NFTables
internal import Netlink
internal import RouteNetlink

/// What lets this host's processes reach published ports by 127.0.0.1: `route_localnet` on the interface towards the
/// container, with a guard so that nothing else comes in that way.
struct LocalhostAccess {
    private let interface: String
    /// Whether it is on.
    let isEnabled: Bool
    /// The element that has packets from and to 127.0.0.0/8 dropped when they come in by the interface.
    let guardElement: PlacedElement

    /// nil when the configuration, the mappings or the container have no use for it, or no interface leads to the container.
    init?(
        _ mappings: [PortMapping],
        _ configuration: PortmapConfiguration,
        _ container: MappedContainer,
        _ host: borrowing RouteSocket,
        _ owner: ElementOwner
    ) throws(CNIError) {
        guard configuration.servesLocalhost, mappings.contains(where: \.includesLoopback),
            let address = container.addresses.first(where: { $0.family == .v4 })?.address,
            let route = try kernel({ () throws(NetlinkError) in try host.route(to: address) }), !route.isLocal,
            let link = try kernel({ () throws(NetlinkError) in try host.link(route.interface) })
        else { return nil }
        interface = link.name
        isEnabled = link.routesLoopback == true
        // A bridge is its network's and keeps the setting; an interface of the attachment alone goes with it.
        let isAttachments = link.index == owner.hostInterface
        guardElement = PlacedElement(
            SetElement([.interface(link.name)], comment: isAttachments ? owner.comment : "route_localnet is on"),
            in: PortRuleset.guardedInterfaces
        )
    }

    /// Switches it on; the guard must be there.
    func enable() throws(CNIError) {
        if isEnabled { return }
        let setting = Sysctl.ipv4(interface, "route_localnet")
        do throws(SystemCallError) { try setting.write("1") } catch {
            throw CNIError(
                error,
                "failed to let 127.0.0.1 reach published ports: set \(setting) to 1 on this host, or snat to false"
            )
        }
    }
}
