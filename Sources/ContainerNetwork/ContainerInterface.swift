// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
internal import LinuxSystem
internal import Netlink
public import RouteNetlink

/// The container's end of an attachment: settings, addresses, link-up and routes, in the order that works.
public struct ContainerInterface {
    /// Both namespaces' sockets.
    let sockets: AttachmentSockets
    /// The name inside the container.
    let name: String
    /// The index inside the container.
    let index: LinkIndex
    /// Whether the kernel looks for another owner of each IPv6 address before using it (RFC 4862).
    let detectsDuplicates: Bool

    /// Describes an interface that exists and is down.
    public init(sockets: AttachmentSockets, name: String, index: LinkIndex, detectsDuplicates: Bool) {
        self.sockets = sockets
        self.name = name
        self.index = index
        self.detectsDuplicates = detectsDuplicates
    }

    /// Makes the interface's settings before the link comes up; those under /proc/sys in one visit to the namespace.
    ///
    /// Addresses and routes are the address manager's: router advertisements are not listened to. A reused address is
    /// announced (`arp_notify`, `ndisc_notify`), so that neighbours forget its previous owner.
    public func prepareSettings() throws(CNIError) {
        let duplicates = detectsDuplicates ? "1" : "0"
        let settings: [(name: String, value: String)] = [
            ("accept_ra", "0"), ("autoconf", "0"), ("accept_dad", duplicates), ("enhanced_dad", duplicates),
            ("ndisc_notify", "1"),
        ]
        try kernel { () throws(NetlinkError) in try sockets.container.setARPNotify(true, of: index) }
        try inNamespace("failed to prepare \(name) in the container") { () throws(SystemCallError) in
            for setting in settings {
                do throws(SystemCallError) { try Sysctl.ipv6(name, setting.name).write(setting.value) } catch {
                    // Without IPv6 in the kernel its files are missing, which is as good as off.
                    if error.number != .noSuchFile { throw error }
                }
            }
        }
    }

    /// Adds the result's addresses for this interface, brings the link up and adds the routes.
    ///
    /// Addresses come first: the kernel announces them when the link comes up.
    ///
    /// - Parameter position: The interface's position in `result.interfaces`; addresses of other ones are skipped.
    public func apply(_ result: NetworkResult, position: Int) throws(CNIError) {
        let addresses = result.ips.filter { $0.interface == position }.map(\.address)
        if addresses.contains(where: { $0.family == .v6 }) { try enableIPv6() }
        for address in addresses { try add(address) }
        try kernel { () throws(NetlinkError) in try sockets.container.bringUp(index) }
        if detectsDuplicates && addresses.contains(where: { $0.family == .v6 }) { try waitForDuplicateDetection() }
        for route in result.routes { try add(route, of: result) }
    }

    /// Tells the neighbours who owns the addresses now, once the port forwards.
    ///
    /// The kernel announced them when the link came up (`arp_notify`, `ndisc_notify`), but a bridge opens the port a
    /// moment later, and a neighbour that knows the previous owner would go on writing to it for half a minute. Setting
    /// the hardware address, even to what it is, makes the kernel say it again (`NETDEV_CHANGEADDR`).
    public func announce(as mac: MACAddress) throws(CNIError) {
        try kernel { () throws(NetlinkError) in try sockets.container.setMAC(mac, of: index) }
    }

    private func add(_ address: IPPrefix) throws(CNIError) {
        // What IPAM assigned is unique; waiting a second for the network to confirm it would delay every start.
        let flags: AddressFlags = address.family == .v6 && !detectsDuplicates ? [.noDAD] : []
        try kernel { () throws(NetlinkError) in
            try sockets.container.addAddress(LinkAddress(prefix: address, flags: flags), to: index)
        }
    }

    /// Images and hosts switch IPv6 off by default in new namespaces; an assigned address says that it is wanted.
    private func enableIPv6() throws(CNIError) {
        let what = "failed to enable IPv6 on \(name): the result has an IPv6 address"
        try inNamespace(what) { () throws(SystemCallError) in
            for interface in ["lo", name] { try Sysctl.ipv6(interface, "disable_ipv6").ensure("0") }
            // Losing carrier for a moment must not cost the container its addresses.
            try Sysctl.ipv6(name, "keep_addr_on_down").write("1")
        }
    }

    /// Writes sysctls in one visit to the container's namespace.
    private func inNamespace(
        _ failure: String,
        _ body: () throws(SystemCallError) -> Void
    ) throws(CNIError) {
        do throws(SystemCallError) {
            try sockets.namespace.run { Result { () throws(SystemCallError) in try body() } }.get()
        } catch { throw CNIError(error, failure) }
    }

    /// What the kernel expects of an IPv4 route without next hop (`RT_SCOPE_LINK`); IPv6 knows no scopes.
    private var linkScope: UInt8 { 253 }

    private func add(_ route: RouteConfiguration, of result: NetworkResult) throws(CNIError) {
        let family = route.destination.family
        let gateway = route.gateway ?? result.ips.first { $0.gateway?.family == family }?.gateway
        let isOnLink = gateway.map { gateway in !result.ips.contains { $0.address.contains(gateway) } } ?? false
        let request = Route(
            destination: route.destination,
            gateway: gateway,
            interface: index,
            priority: route.priority.map { UInt32($0) },
            table: route.table.map { UInt32($0) },
            scope: route.scope.map { UInt8($0) } ?? (gateway == nil && family == .v4 ? linkScope : nil),
            mtu: route.mtu.map { UInt32($0) },
            advertisedMSS: route.advertisedMSS.map { UInt32($0) },
            isOnLink: isOnLink
        )
        do { try sockets.container.addRoute(request, appending: true) } catch {
            // Exactly this route is there: a connected subnet, or one that two sources ask for.
            if error.number != .exists { throw CNIError(error) }
        }
    }
}
