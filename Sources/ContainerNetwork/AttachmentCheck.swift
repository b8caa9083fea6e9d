// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import IPAddresses
internal import LinuxSystem
internal import Netlink
public import RouteNetlink

/// CHECK of the container's side, the same for every interface plugin.
///
/// What a later plugin of the chain may have changed (hardware address, MTU, promiscuous mode, the table a route is in)
/// is no difference.
public struct AttachmentCheck {
    private let sockets: AttachmentSockets
    private let interfaceName: String

    /// Checks an interface by its name in the container.
    public init(sockets: AttachmentSockets, interfaceName: String) {
        self.sockets = sockets
        self.interfaceName = interfaceName
    }

    /// The failure that CHECK reports.
    public static func difference(_ message: String, details: String = "") -> CNIError {
        CNIError(.checkFailed, message, details: details)
    }

    /// The interface, of the kind that ADD made.
    public func requireInterface(kind: String) throws(CNIError) -> Link {
        let found = try kernel { () throws(NetlinkError) in try sockets.container.link(named: interfaceName) }
        guard let link = found else {
            throw Self.difference("interface \(interfaceName) is missing in the container")
        }
        guard link.kind == kind else {
            throw Self.difference("interface \(interfaceName) is a \(link.kind ?? "device"), ADD made a \(kind)")
        }
        return link
    }

    /// The previous result's addresses on the interface, and its routes in any table of the container.
    public func requireAddressesAndRoutes(of result: NetworkResult, on link: Link) throws(CNIError) {
        let present = try kernel { () throws(NetlinkError) in try sockets.container.addresses(of: link.index) }
        for ip in addresses(of: result) where !present.contains(where: { $0.prefix == ip.address }) {
            throw Self.difference("address \(ip.address) is missing on \(interfaceName) in the container")
        }
        for family in AddressFamily.allCases {
            let wanted = result.routes.filter { $0.destination.family == family }
            if wanted.isEmpty { continue }
            let routes = try kernel { () throws(NetlinkError) in try sockets.container.routes(family: family) }
            for route in wanted where !routes.contains(where: { matches(route, $0) }) {
                let via = route.gateway.map { " via \($0)" } ?? ""
                throw Self.difference("route to \(route.destination)\(via) is missing in the container")
            }
        }
    }

    /// The addresses that a chain's result assigns to this interface: later plugins may have added other ones.
    public func addresses(of result: NetworkResult) -> [NetworkResult.IPConfiguration] {
        result.ips.filter { ip in
            guard let position = ip.interface, result.interfaces.indices.contains(position) else { return true }
            return result.interfaces[position].name == interfaceName && result.interfaces[position].sandbox != nil
        }
    }

    private func matches(_ wanted: RouteConfiguration, _ route: Route) -> Bool {
        guard route.destination == wanted.destination.network else { return false }
        return wanted.gateway == nil || wanted.isDefault || route.gateway == wanted.gateway
    }
}
