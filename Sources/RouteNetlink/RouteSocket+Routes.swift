// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import IPAddresses
internal import LinuxSystem
public import Netlink

extension RouteSocket {
    /// Adds a route: `ip route add`, or `ip route append`.
    ///
    /// - Throws: `EEXIST` when there is one of the same destination, metric and table; `ENETUNREACH` when the gateway
    ///   is in no subnet of the interface.
    public borrowing func addRoute(_ route: Route, appending: Bool = false) throws(NetlinkError) {
        try perform(.addRoute(route, appending: appending))
    }

    /// Adds a route in place of one of the same destination, metric and table: `ip route replace`.
    public borrowing func replaceRoute(_ route: Route) throws(NetlinkError) { try perform(.replaceRoute(route)) }

    /// Removes the first route that has everything that is given: `ip route delete`.
    ///
    /// - Throws: `ESRCH` when there is none.
    public borrowing func removeRoute(_ route: Route) throws(NetlinkError) { try perform(.removeRoute(route)) }

    /// Routes: `ip route show table …`.
    ///
    /// - Parameters:
    ///   - family: nil for both.
    ///   - table: nil for all tables, those of the kernel included (255, `local`); 254 is the main one.
    ///   - interface: nil for all.
    public borrowing func routes(
        family: AddressFamily? = nil,
        table: UInt32? = nil,
        interface: LinkIndex? = nil
    ) throws(NetlinkError) -> [Route] {
        guard let family else {
            return try routes(family: .v4, table: table, interface: interface)
                + routes(family: .v6, table: table, interface: interface)
        }
        return try routes(family: family, table: table, interface: interface) { $0 }
    }

    /// What a closure makes of the routes of a family: `ip -4 route show table …`.
    ///
    /// Of thousands of routes nothing is kept but that. The closure may see a route twice, when the table changed while it
    /// was read; what it made of it the first time is dropped.
    ///
    /// - Parameter select: nil for a route that is of no interest.
    public borrowing func routes<Element>(
        family: AddressFamily,
        table: UInt32? = nil,
        interface: LinkIndex? = nil,
        _ select: (Route) throws(NetlinkError) -> Element?
    ) throws(NetlinkError) -> [Element] {
        try dumpRoutes(family, table, interface) { (payload) throws(NetlinkError) in
            guard let route = try Route(reading: payload), table == nil || route.table == table,
                interface == nil || route.interface == interface
            else { return nil }
            return try select(route)
        }
    }

    /// The default routes of a family: `ip route show default table …`; the others are not even decoded.
    public borrowing func defaultRoutes(
        family: AddressFamily,
        table: UInt32
    ) throws(NetlinkError) -> [Route] {
        try dumpRoutes(family, table, nil) { (payload) throws(NetlinkError) in
            // rtm_dst_len: the kernel has no filter for it.
            guard try payload.field(at: 1, UInt8.self) == 0, let route = try Route(reading: payload),
                route.table == table
            else { return nil }
            return route
        }
    }

    private borrowing func dumpRoutes<Element>(
        _ family: AddressFamily,
        _ table: UInt32?,
        _ interface: LinkIndex?,
        _ decode: (RawSpan) throws(NetlinkError) -> Element?
    ) throws(NetlinkError) -> [Element] {
        let request = try NetlinkRequest("list routes", purpose: .query, type: RTM_GETROUTE, flags: .dump) { writer in
            var header = rtmsg()
            header.rtm_family = family.number
            writer.append(header: header)
            if let table { writer.put(Int(RTA_TABLE.rawValue), table) }
            if let interface { writer.put(Int(RTA_OIF.rawValue), interface.rawValue) }
        }
        do throws(NetlinkError) {
            return try socket.dump(request) { (type, payload) throws(NetlinkError) in
                type == RTM_NEWROUTE ? try decode(payload) : nil
            }
        } catch {
            // A table exists with its first route.
            if table != nil, error.number == .noSuchFile { return [] }
            throw error
        }
    }

    /// Where a packet for an address goes: `ip route get`.
    ///
    /// The kernel decides as it would for a packet of this host: with the rules, local and AnyIP routes included.
    ///
    /// - Returns: nil when there is no way to it: no route, or one that refuses (unreachable, prohibit, blackhole).
    public borrowing func route(to address: IPAddress) throws(NetlinkError) -> RouteLookup? {
        let request = try NetlinkRequest(
            "look up the route to \(address)",
            purpose: .query,
            type: RTM_GETROUTE,
            flags: []
        ) { writer in
            var header = rtmsg()
            header.rtm_family = address.family.number
            header.rtm_dst_len = UInt8(address.family.bitWidth)
            writer.append(header: header)
            writer.put(Int(RTA_DST.rawValue), bytes: address.octets)
        }
        var lookup: RouteLookup?
        do throws(NetlinkError) {
            try socket.query(request) { (type, payload) throws(NetlinkError) in
                if type == RTM_NEWROUTE { lookup = try RouteLookup(reading: payload) }
            }
        } catch {
            guard RouteLookup.isDeadEnd(error, address.family) else { throw error }
        }
        return lookup
    }
}
