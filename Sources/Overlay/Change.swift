// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
internal import LinuxSystem
internal import Netlink
public import RouteNetlink

/// One thing that is done to the kernel's state.
public enum Change: Hashable, Sendable {
    /// A link that cannot become the tunnel device goes.
    case removeDevice(Link)
    /// The tunnel device of a family is made.
    case addDevice(VXLANOptions, AddressFamily)
    /// The device learns no addresses and routes from routers (`accept_ra`).
    case refuseAdvertisements(name: String)
    /// The device is no port of a bridge any more, and belongs to no other device.
    case release(AddressFamily)
    /// The device gets its Ethernet address back.
    case setMAC(MACAddress, AddressFamily)
    /// The device gets another MTU.
    case setMTU(Int, AddressFamily)
    /// The device's packets leave by another address or interface.
    case setUnderlay(local: IPAddress, LinkIndex, AddressFamily)
    /// The device begins or ends to learn from frames.
    case setLearning(Bool, AddressFamily)
    /// The device takes no more packets whose checksum is left to compute.
    case refuseChecksumOffload(AddressFamily)
    /// The device gets its address.
    case addAddress(IPPrefix, AddressFamily)
    /// The device is switched on.
    case bringUp(AddressFamily)
    /// Frames for a peer's device go to the peer.
    case setForwardingEntry(MACAddress, IPAddress, AddressFamily)
    /// The first address of a peer's subnet belongs to the peer's device.
    case setNeighbor(IPAddress, MACAddress, AddressFamily)
    /// A route is made where there is none.
    case addRoute(DesiredRoute)
    /// Packets for a subnet of this node that no other route takes are dropped.
    case addBlackhole(IPPrefix)
    /// A route of ours, or an adopted one, becomes another.
    case replaceRoute(DesiredRoute)
    /// A route of ours goes.
    case removeRoute(Route)
    /// A neighbour on the device goes.
    case removeNeighbor(NeighborEntry)
    /// A forwarding entry of the device goes.
    case removeForwardingEntry(ForwardingEntry)
    /// An address of the device goes.
    case removeAddress(LinkAddress)
    /// A device of an earlier configuration goes, once those of the present one are there.
    case removeFormerDevice(Link)

    /// What kind of change it is, for counters.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        /// The name, in the form of a metric's label.
        public let rawValue: String
        /// Creates a kind from its name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The tunnel device was made.
        public static var deviceAdded: Kind { Kind(rawValue: "device_added") }
        /// A link in the tunnel device's place, or a former tunnel device, was removed.
        public static var deviceRemoved: Kind { Kind(rawValue: "device_removed") }
        /// A property of the device was changed.
        public static var deviceChanged: Kind { Kind(rawValue: "device_changed") }
        /// A setting under /proc/sys, or a feature of a device, was switched.
        public static var setting: Kind { Kind(rawValue: "setting") }
        /// An address was added.
        public static var addressAdded: Kind { Kind(rawValue: "address_added") }
        /// An address was removed.
        public static var addressRemoved: Kind { Kind(rawValue: "address_removed") }
        /// A forwarding entry was added or changed.
        public static var forwardingEntrySet: Kind { Kind(rawValue: "forwarding_entry_set") }
        /// A forwarding entry was removed.
        public static var forwardingEntryRemoved: Kind { Kind(rawValue: "forwarding_entry_removed") }
        /// A neighbour was added or changed.
        public static var neighborSet: Kind { Kind(rawValue: "neighbor_set") }
        /// A neighbour was removed.
        public static var neighborRemoved: Kind { Kind(rawValue: "neighbor_removed") }
        /// A route was added or changed.
        public static var routeSet: Kind { Kind(rawValue: "route_set") }
        /// A route was removed.
        public static var routeRemoved: Kind { Kind(rawValue: "route_removed") }
    }

    /// What kind of change it is.
    public var kind: Kind {
        switch self {
        case .removeDevice, .removeFormerDevice: .deviceRemoved
        case .addDevice: .deviceAdded
        case .refuseAdvertisements, .refuseChecksumOffload: .setting
        case .release, .setMAC, .setMTU, .setUnderlay, .setLearning, .bringUp: .deviceChanged
        case .addAddress: .addressAdded
        case .setForwardingEntry: .forwardingEntrySet
        case .setNeighbor: .neighborSet
        case .addRoute, .addBlackhole, .replaceRoute: .routeSet
        case .removeRoute: .routeRemoved
        case .removeNeighbor: .neighborRemoved
        case .removeForwardingEntry: .forwardingEntryRemoved
        case .removeAddress: .addressRemoved
        }
    }

    /// The numbers of the kernel's refusals that say that there is nothing left to do.
    var satisfyingErrors: [ErrorNumber] {
        switch self {
        case .removeDevice, .removeFormerDevice, .removeRoute, .removeNeighbor, .removeForwardingEntry, .removeAddress:
            [.noSuchFile, .noSuchProcess, .noSuchDevice, .addressNotAvailable]
        default: []
        }
    }
}

extension Change {
    /// What is sent for it; nil when the device it is about is not there, and for what needs an answer of its own.
    func request(
        _ uplinks: PerFamily<LinkIndex>,
        _ devices: PerFamily<LinkIndex>
    ) throws(NetlinkError) -> RouteRequest? {
        switch self {
        case .removeDevice, .removeFormerDevice, .addDevice, .refuseAdvertisements, .refuseChecksumOffload: nil
        case .release(let family):
            if let device = devices[family] { try .setMaster(nil, of: device) } else { nil }
        case .setMAC(let mac, let family):
            if let device = devices[family] { try .setMAC(mac, of: device) } else { nil }
        case .setMTU(let mtu, let family):
            if let device = devices[family] { try .setMTU(mtu, of: device) } else { nil }
        case .setUnderlay(let local, let underlay, let family):
            if let device = devices[family] {
                try .setUnderlay(local: local, underlay: underlay, of: device)
            } else {
                nil
            }
        case .setLearning(let learning, let family):
            if let device = devices[family] { try .setLearning(learning, of: device) } else { nil }
        case .bringUp(let family):
            if let device = devices[family] { try .bringUp(device) } else { nil }
        case .addAddress(let prefix, let family):
            // No other station is on the device to have the address, and a node must not wait for the answer of none.
            if let device = devices[family] {
                try .addAddress(LinkAddress(prefix: prefix, flags: family == .v6 ? [.noDAD] : []), to: device)
            } else {
                nil
            }
        case .setForwardingEntry(let mac, let endpoint, let family):
            if let device = devices[family] {
                try .replaceForwardingEntry(ForwardingEntry(mac: mac, interface: device, destination: endpoint))
            } else {
                nil
            }
        case .setNeighbor(let address, let mac, let family):
            if let device = devices[family] {
                try .replaceNeighbor(NeighborEntry(address: address, mac: mac, interface: device))
            } else {
                nil
            }
        case .addRoute(let route):
            if let route = route.route(uplinks, devices) { try .addRoute(route) } else { nil }
        case .addBlackhole(let subnet): try .addRoute(.blackhole(of: subnet))
        case .replaceRoute(let route):
            if let route = route.route(uplinks, devices) { try .replaceRoute(route) } else { nil }
        case .removeRoute(let route): try .removeRoute(route)
        case .removeNeighbor(let entry): try .removeNeighbor(entry)
        case .removeForwardingEntry(let entry): try .removeForwardingEntry(entry)
        case .removeAddress(let address):
            if let interface = address.interface { try .removeAddress(address, from: interface) } else { nil }
        }
    }
}

extension DesiredRoute {
    /// The route as the kernel is told; nil when its device is not there.
    func route(_ uplinks: PerFamily<LinkIndex>, _ devices: PerFamily<LinkIndex>) -> Route? {
        guard let interface = usesTunnel ? devices[destination.family] : uplinks[destination.family] else { return nil }
        return Route(
            destination: destination,
            gateway: gateway,
            interface: interface,
            protocolNumber: DesiredState.routeProtocol,
            isOnLink: usesTunnel
        )
    }
}
