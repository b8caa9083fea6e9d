// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Ethtool
internal import IPAddresses
public import Netlink
public import RouteNetlink

/// What the kernel holds of that which a ``DesiredState`` is about.
public struct KernelState: Hashable, Sendable {
    /// A tunnel device that is there, of whatever kind.
    public struct Device: Hashable, Sendable {
        /// The link with the device's name.
        public var link: Link
        /// Its addresses of its family.
        public var addresses: [LinkAddress]
        /// Its neighbours of its family.
        public var neighbors: [NeighborEntry]
        /// Its forwarding entries.
        public var forwardingEntries: [ForwardingEntry]
        /// Whether it takes packets whose checksum is left to compute.
        ///
        /// nil where that is of no interest, and where the kernel does not tell.
        public var checksumOffload: Bool?

        /// Describes a device.
        public init(
            link: Link,
            addresses: [LinkAddress] = [],
            neighbors: [NeighborEntry] = [],
            forwardingEntries: [ForwardingEntry] = []
        ) {
            self.link = link
            self.addresses = addresses
            self.neighbors = neighbors
            self.forwardingEntries = forwardingEntries
        }
    }

    /// The tunnel devices.
    public var devices: PerFamily<Device>
    /// The routes of the main table that lead into the network or a former one, or through the tunnel device.
    public var routes: PerFamily<[Route]>
    /// What is there under the names of former tunnel devices, of whatever kind.
    public var formerDevices: [Link]

    /// Describes a state.
    public init(
        devices: PerFamily<Device> = PerFamily(),
        routes: PerFamily<[Route]> = PerFamily(),
        formerDevices: [Link] = []
    ) {
        self.devices = devices
        self.routes = routes
        self.formerDevices = formerDevices
    }

    /// Reads the kernel: up to five requests for each family, of which only the one for routes brings more than is needed.
    public static func read(
        _ socket: borrowing RouteSocket,
        for desired: DesiredState
    ) throws(NetlinkError) -> KernelState {
        var state = KernelState()
        for family in desired.routedFamilies {
            let network = desired.scopes[family]?.network
            if let wanted = desired.devices[family], let link = try socket.link(named: wanted.name),
                // Not one that has it as an alternative name.
                link.name == wanted.name
            {
                var device = Device(link: link)
                // The entries of a device that is to go go with it.
                if wanted.isCompatible(with: link) {
                    device.addresses = try socket.addresses(of: link.index, family: family)
                    device.neighbors = try socket.neighbors(of: link.index, family: family)
                    // As long as it is a port of a bridge the bridge's entries are told as well.
                    device.forwardingEntries = try socket.forwardingEntries(of: link.index) {
                        $0.table == .device ? $0 : nil
                    }
                    if !wanted.checksumOffload {
                        // What a kernel without ethtool's messages cannot tell it cannot change either, and then says so.
                        device.checksumOffload = try? EthtoolSocket.open().isOn(.checksumOffload, of: link.index)
                    }
                }
                state.devices[family] = device
            }
            let index = state.devices[family]?.link.index
            state.routes[family] = try socket.routes(family: family, table: mainTable).filter {
                $0.interface == index && index != nil || network?.contains($0.destination) == true
                    || desired.formerNetworks.contains(where: $0.isOverlayRoute)
            }
        }
        for name in desired.formerDevices {
            if let link = try socket.link(named: name), link.name == name { state.formerDevices.append(link) }
        }
        return state
    }

    /// The table of `ip route show`.
    private static var mainTable: UInt32 { 254 }
}

extension TunnelDevice {
    /// Whether a link can become this device without being made anew.
    func isCompatible(with link: Link) -> Bool {
        guard var settings = link.vxlan else { return false }
        // Whether it learns can be changed, and by which address and interface packets leave; not their family.
        settings.learning = self.settings.learning
        if settings.local?.family == self.settings.local?.family {
            (settings.local, settings.underlay) = (self.settings.local, self.settings.underlay)
        }
        return settings == self.settings
    }

    /// Whether the kernel refuses to make this device beside another one.
    func excludes(_ link: Link) -> Bool {
        guard let other = link.vxlan else { return false }
        return other.vni == settings.vni && other.port == settings.port
            && (other.local ?? settings.local)?.family == settings.local?.family
    }

    /// Whether a link is this device, with nothing to be changed about it.
    func isHeld(by link: Link) -> Bool {
        link.name == name && link.isUp && link.mac == mac && link.mtu == mtu && link.masterIndex == nil
            && link.vxlan == settings
    }
}
