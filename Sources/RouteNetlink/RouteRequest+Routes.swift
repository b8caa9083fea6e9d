// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
public import Netlink

extension RouteRequest {
    /// Adds a route: `ip route add`; fails where there is one of the same destination, metric and table.
    ///
    /// - Parameter appending: Adds it after such a route instead: `ip route append`.
    public static func addRoute(_ route: Route, appending: Bool = false) throws(NetlinkError) -> RouteRequest {
        try add("add route", route, appending ? [.create, .append] : [.create, .exclusive])
    }

    /// Adds a route in place of one of the same destination, metric and table, if there is one: `ip route replace`.
    public static func replaceRoute(_ route: Route) throws(NetlinkError) -> RouteRequest {
        try add("replace route", route, [.create, .replace])
    }

    /// Removes the first route that has everything that is given: `ip route delete`.
    ///
    /// What is nil matches any value; the table is the main one then.
    public static func removeRoute(_ route: Route) throws(NetlinkError) -> RouteRequest {
        let operation = "remove route \(text(route))"
        let object = try object(route, operation)
        defer { rtnl_route_put(object) }
        rtnl_route_set_protocol(object, route.protocolNumber ?? 0)
        return try RouteRequest(
            operation,
            on: route.interface,
            purpose: .general,
            { rtnl_route_build_del_request(object, 0, &$0) },
            // libnl guesses a scope where none is set; RT_SCOPE_NOWHERE, "any", is at byte 6 of struct rtmsg.
            amendment: { writer in if route.scope == nil { writer.patch(headerByte: 6, to: 255) } }
        )
    }

    private static func add(
        _ verb: String,
        _ route: Route,
        _ flags: MessageFlags
    ) throws(NetlinkError) -> RouteRequest {
        let operation = "\(verb) \(text(route))"
        let object = try object(route, operation)
        defer { rtnl_route_put(object) }
        // RTPROT_BOOT, as the ip command does; libnl would say that an administrator did it.
        rtnl_route_set_protocol(object, route.protocolNumber ?? 3)
        return try RouteRequest(operation, on: route.interface, purpose: .addRoute, flags: flags) {
            rtnl_route_build_add_request(object, 0, &$0)
        }
    }

    private static func object(_ route: Route, _ operation: String) throws(NetlinkError) -> OpaquePointer {
        guard let object = rtnl_route_alloc() else { throw .invalid(operation, "no memory for a route") }
        let result = fill(object, route)
        if result < 0 {
            rtnl_route_put(object)
            throw .invalid(operation, String(cString: nl_geterror(result)))
        }
        return object
    }

    private static func fill(_ object: OpaquePointer, _ route: Route) -> Int32 {
        let destination = route.destination.network
        var result = LibnlAddress(destination).lend { rtnl_route_set_dst(object, $0) }
        if let table = route.table { rtnl_route_set_table(object, table) }
        if let scope = route.scope { rtnl_route_set_scope(object, scope) }
        if let priority = route.priority { rtnl_route_set_priority(object, priority) }
        if result >= 0 { result = rtnl_route_set_type(object, route.type.rawValue) }
        if result >= 0, let source = route.source {
            result = LibnlAddress(source).lend { rtnl_route_set_pref_src(object, $0) }
        }
        if result >= 0, let mtu = route.mtu { result = rtnl_route_set_metric(object, Int32(RTAX_MTU), mtu) }
        if result >= 0, let size = route.advertisedMSS {
            result = rtnl_route_set_metric(object, Int32(RTAX_ADVMSS), size)
        }
        guard result >= 0, route.gateway != nil || route.interface != nil else { return result }
        guard let hop = rtnl_route_nh_alloc() else { return -NLE_NOMEM }
        if let interface = route.interface { rtnl_route_nh_set_ifindex(hop, Int32(bitPattern: interface.rawValue)) }
        if let gateway = route.gateway {
            result = LibnlAddress(gateway).lend { address in
                if gateway.family != destination.family { return rtnl_route_nh_set_via(hop, address) }
                rtnl_route_nh_set_gateway(hop, address)
                return 0
            }
        }
        if route.isOnLink { rtnl_route_set_flags(object, UInt32(RTNH_F_ONLINK)) }
        // From here on the route owns the hop.
        rtnl_route_add_nexthop(object, hop)
        return result
    }

    private static func text(_ route: Route) -> String {
        var text =
            route.type == .unicast ? "\(route.destination)" : "of type \(route.type.rawValue) \(route.destination)"
        if let gateway = route.gateway { text += " via \(gateway)" }
        if let table = route.table { text += " table \(table)" }
        return route.interface == nil ? text : text + " on"
    }
}
