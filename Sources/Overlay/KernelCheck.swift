// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Ethtool
internal import IPAddresses
internal import Netlink
internal import RouteNetlink

/// Compares the kernel with what is desired while it is read.
///
/// The full check of each minute finds nothing nearly each time, and thousands of entries are not kept for that. It counts
/// those that are right and stops at what is not; what has to be done then is for ``Difference`` to say.
struct KernelCheck {
    private let filter: EventFilter
    private let listeningDevices: Set<String>

    /// - Parameters:
    ///   - devices: The tunnel devices as they were left.
    ///   - listeningDevices: Those that could not be kept from listening to router advertisements.
    init(desired: DesiredState, devices: PerFamily<LinkIndex>, listeningDevices: Set<String>) {
        filter = EventFilter(desired: desired, devices: devices)
        self.listeningDevices = listeningDevices
    }

    /// Whether the kernel holds what is desired, and nothing beside it that should go or be reported.
    func holds(_ socket: borrowing RouteSocket) throws(NetlinkError) -> Bool {
        let desired = filter.desired
        for family in desired.routedFamilies {
            if let wanted = desired.devices[family], try !holdsDevice(wanted, family, socket) { return false }
            let routes = try socket.routes(family: family, table: 254) { (route) throws(NetlinkError) in
                filter.isRight(route)
            }
            let count =
                desired.routes.count { $0.destination.family == family }
                + desired.blackholes.count { $0.family == family }
            guard Self.areAllRight(routes, count: count) else { return false }
        }
        for name in desired.formerDevices where try socket.link(named: name) != nil { return false }
        return true
    }

    private func holdsDevice(
        _ wanted: TunnelDevice,
        _ family: AddressFamily,
        _ socket: borrowing RouteSocket
    ) throws(NetlinkError) -> Bool {
        guard let link = try socket.link(named: wanted.name), link.index == filter.devices[family],
            wanted.isHeld(by: link), ((link.routerAdvertisements ?? 0) != 0) == listeningDevices.contains(wanted.name)
        else { return false }
        let addresses = try socket.addresses(of: link.index, family: family)
        guard addresses.contains(where: { $0.isUsable(as: wanted.address) }),
            addresses.allSatisfy({ $0.isUsable(as: wanted.address) || $0.prefix.address.isLinkLocal })
        else { return false }
        if !wanted.checksumOffload, (try? EthtoolSocket.open().isOn(.checksumOffload, of: link.index)) != false {
            return false
        }
        let neighbors = try socket.neighbors(of: link.index, family: family) { (entry) throws(NetlinkError) in
            filter.isRight(entry)
        }
        guard Self.areAllRight(neighbors, count: wanted.peers.count) else { return false }
        let entries = try socket.forwardingEntries(of: link.index) { (entry) throws(NetlinkError) in
            filter.isRight(entry)
        }
        return Self.areAllRight(entries, count: filter.desired.endpoints[family]?.count ?? 0)
    }

    private static func areAllRight(_ entries: [Bool], count: Int) -> Bool {
        entries.count == count && !entries.contains(false)
    }
}
