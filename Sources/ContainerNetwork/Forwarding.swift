// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
internal import LinuxSystem
internal import Netlink
public import RouteNetlink

/// Routing between the host's interfaces, which gateways need.
public enum Forwarding {
    /// Switches forwarding on for a family, in the calling thread's namespace.
    ///
    /// An IPv6 host that starts to forward stops listening to router advertisements, and loses its default route when
    /// the last one expires, unless `accept_ra` is 2: uplinks that listen now go on listening.
    ///
    /// - Parameter host: A socket of the same namespace.
    public static func enable(_ family: AddressFamily, _ host: borrowing RouteSocket) throws(CNIError) {
        if try isEnabled(family, host) { return }
        let sysctl: Sysctl = family == .v4 ? .ipv4Forwarding : .ipv6Forwarding
        let listening = family == .v6 ? try kernel { () throws(NetlinkError) in try uplinks(host) } : []
        do throws(SystemCallError) {
            for uplink in listening { try keepListeningToRouters(on: uplink.name) }
            try sysctl.write("1")
        } catch {
            throw CNIError(
                error,
                "failed to enable \(family) forwarding: set \(sysctl) to 1 on this host, or isGateway to false"
            )
        }
    }

    /// Whether forwarding is on.
    public static func isEnabled(
        _ family: AddressFamily,
        _ host: borrowing RouteSocket
    ) throws(CNIError) -> Bool {
        try kernel { () throws(NetlinkError) in try host.isForwarding(family) }
    }

    /// The links by which the host may reach a router: all but bridges and their ports, where containers are, unless a
    /// router has been heard there (`RTPROT_RA`).
    private static func uplinks(_ host: borrowing RouteSocket) throws(NetlinkError) -> [Link] {
        let heard = Set(
            try host.routes(family: .v6).filter { $0.protocolNumber == routerAdvertisement }.compactMap(\.interface)
        )
        return try host.links().filter { link in
            let isContainers = link.kind == "bridge" || link.masterIndex != nil || link.isLoopback
            return heard.contains(link.index) || !isContainers
        }
    }

    /// The corresponding C constant is `RTPROT_RA`.
    private static var routerAdvertisement: UInt8 { 9 }

    private static func keepListeningToRouters(on interface: String) throws(SystemCallError) {
        let setting = Sysctl.ipv6(interface, "accept_ra")
        // Links come and go while we look.
        guard (try? setting.read()) == "1" else { return }
        do { try setting.write("2") } catch {
            if error.number != .noSuchFile { throw error }
        }
    }
}
