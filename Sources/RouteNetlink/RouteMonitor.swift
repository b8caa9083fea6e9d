// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import LinuxSystem
public import Netlink

/// A change that the kernel reported.
public enum RouteEvent: Hashable, Sendable {
    /// A link was made or changed.
    case link(Link)
    /// A link is gone.
    case linkRemoved(Link)
    /// A bridge port got other settings; only index, flags and the port's settings are filled in.
    case bridgePort(Link)
    /// An interface is no longer a bridge port.
    case bridgePortRemoved(Link)
    /// An address was added or changed, such as at the end of duplicate address detection.
    case address(LinkAddress)
    /// An address is gone.
    case addressRemoved(LinkAddress)
    /// A route was added or changed.
    case route(Route)
    /// A route is gone. IPv4 routes go without a word when their interface goes down.
    case routeRemoved(Route)
    /// A neighbour was added or changed.
    case neighbor(NeighborEntry)
    /// A neighbour is gone.
    case neighborRemoved(NeighborEntry)
    /// A forwarding entry was added or changed.
    case forwardingEntry(ForwardingEntry)
    /// A forwarding entry is gone.
    case forwardingEntryRemoved(ForwardingEntry)
    /// The kernel had to drop reports because they were not read in time (`ENOBUFS`).
    ///
    /// What is known may be wrong now: the state must be read again. The monitor itself goes on.
    case eventsLost
}

/// Reports of changes in one network namespace, as `ip monitor` prints them.
public struct RouteMonitor: ~Copyable {
    /// What is reported.
    public struct Groups: OptionSet, Hashable, Sendable {
        /// One bit for each kind of report.
        public let rawValue: UInt32
        /// Creates a set from bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Links and bridge ports (`RTNLGRP_LINK`).
        public static var links: Groups { Groups(rawValue: 1) }
        /// Addresses of both families (`RTNLGRP_IPV4_IFADDR`, `RTNLGRP_IPV6_IFADDR`).
        public static var addresses: Groups { Groups(rawValue: 2) }
        /// Routes of both families (`RTNLGRP_IPV4_ROUTE`, `RTNLGRP_IPV6_ROUTE`).
        public static var routes: Groups { Groups(rawValue: 4) }
        /// Neighbours and forwarding entries (`RTNLGRP_NEIGH`).
        public static var neighbors: Groups { Groups(rawValue: 8) }

        fileprivate var numbers: [rtnetlink_groups] {
            var numbers: [rtnetlink_groups] = []
            if contains(.links) { numbers.append(RTNLGRP_LINK) }
            if contains(.addresses) { numbers += [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] }
            if contains(.routes) { numbers += [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE] }
            if contains(.neighbors) { numbers.append(RTNLGRP_NEIGH) }
            return numbers
        }
    }

    private let socket: NetlinkSocket

    private init(_ socket: consuming NetlinkSocket) { self.socket = socket }

    /// Starts to listen in the calling thread's namespace; what happens from now on is kept until it is read.
    ///
    /// - Parameter bufferSize: How many bytes of unread reports the kernel keeps; the default is good for some hundreds.
    public static func open(_ groups: Groups, bufferSize: Int32 = 1 << 20) throws(NetlinkError) -> RouteMonitor {
        let monitor = RouteMonitor(try .open(.route))
        try monitor.join(groups, bufferSize)
        return monitor
    }

    /// Starts to listen in another namespace.
    public static func open(
        _ groups: Groups,
        in namespace: borrowing NetworkNamespace,
        bufferSize: Int32 = 1 << 20
    ) throws(NetlinkError) -> RouteMonitor {
        let monitor = RouteMonitor(try .open(.route, in: namespace))
        try monitor.join(groups, bufferSize)
        return monitor
    }

    private borrowing func join(_ groups: Groups, _ bufferSize: Int32) throws(NetlinkError) {
        try socket.setBuffers(receive: bufferSize)
        for number in groups.numbers { try socket.join(group: Int32(number.rawValue)) }
    }

    /// The descriptor, for a caller that waits for several things.
    public var rawDescriptor: Int32 { socket.rawDescriptor }

    /// Waits for the next reports.
    ///
    /// - Returns: At least one event, or none when the deadline came first.
    /// - Throws: `EINTR` when a termination signal arrived while waiting; faults of the protocol.
    public borrowing func next(until deadline: Deadline) throws(NetlinkError) -> [RouteEvent] {
        let operation = "wait for network changes"
        while true {
            var isReadable = false
            do throws(SystemCallError) {
                isReadable = try deadline.waitUntilReadable(socket.rawDescriptor)
            } catch { throw .systemCall(operation, error) }
            guard isReadable else { return [] }
            var events: [RouteEvent] = []
            do throws(NetlinkError) {
                try socket.receive(operation) { (datagram) throws(NetlinkError) in
                    try RouteEvent.read(datagram) { events.append($0) }
                }
            } catch {
                guard error.code == .messagesLost else { throw error }
                return [.eventsLost]
            }
            // Reports of kinds that are not interpreted, such as another family's.
            if !events.isEmpty { return events }
        }
    }

    /// Waits until an event is what is waited for.
    ///
    /// - Returns: Whether one was; false when the deadline came first, or when reports were lost.
    public borrowing func wait(
        until deadline: Deadline,
        for condition: (RouteEvent) -> Bool
    ) throws(NetlinkError) -> Bool {
        while true {
            let events = try next(until: deadline)
            if events.contains(where: condition) { return true }
            if events.isEmpty || events.contains(.eventsLost) { return false }
        }
    }
}

extension RouteEvent {
    /// Reads the messages of one datagram.
    static func read(
        _ datagram: borrowing RawSpan,
        _ body: (RouteEvent) -> Void
    ) throws(NetlinkError) {
        try MessageReader.forEach(in: datagram) { (header, payload) throws(NetlinkError) in
            if let event = try RouteEvent(type: header.type, payload) { body(event) }
        }
    }

    private init?(type: Int, _ payload: borrowing RawSpan) throws(NetlinkError) {
        let event: RouteEvent?
        switch type {
        case RTM_NEWLINK, RTM_DELLINK:
            let link = try Link(reading: payload)
            let isRemoval = type == RTM_DELLINK
            switch try payload.field(at: 0, UInt8.self) {
            case 0: event = isRemoval ? .linkRemoved(link) : .link(link)
            // The removal of a port in the bridge family leaves the interface in place.
            case BridgeFamily.number: event = isRemoval ? .bridgePortRemoved(link) : .bridgePort(link)
            default: event = nil
            }
        case RTM_NEWADDR: event = try LinkAddress(reading: payload).map { .address($0) }
        case RTM_DELADDR: event = try LinkAddress(reading: payload).map { .addressRemoved($0) }
        case RTM_NEWROUTE: event = try Route(reading: payload).map { .route($0) }
        case RTM_DELROUTE: event = try Route(reading: payload).map { .routeRemoved($0) }
        case RTM_NEWNEIGH, RTM_DELNEIGH:
            let message = try NeighborMessage(reading: payload)
            let isRemoval = type == RTM_DELNEIGH
            if let entry = message.neighbor {
                event = isRemoval ? .neighborRemoved(entry) : .neighbor(entry)
            } else if let entry = message.forwardingEntry {
                event = isRemoval ? .forwardingEntryRemoved(entry) : .forwardingEntry(entry)
            } else {
                event = nil
            }
        default: event = nil
        }
        guard let event else { return nil }
        self = event
    }
}
