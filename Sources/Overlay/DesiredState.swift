// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import RouteNetlink

/// What this node's kernel should hold so that the containers of all nodes reach each other.
///
/// It depends on its arguments alone; ``Difference`` says what is missing to it.
public struct DesiredState: Hashable, Sendable {
    /// The number that marks this daemon's routes (`rtm_protocol`, `ip route … proto 70`).
    ///
    /// Neither the kernel's headers nor iproute2's `rt_protos` give it to anyone. With a line `70 flannel` in
    /// `/etc/iproute2/rt_protos` the `ip` command prints the name.
    public static var routeProtocol: UInt8 { 70 }

    /// What a family's state is about.
    public struct Scope: Hashable, Sendable {
        /// The network that all subnets are part of.
        ///
        /// Outside of it no route is touched but those on the tunnel device and those in former networks.
        public var network: IPPrefix
        /// The prefix length of this node's subnet, and of most others': Kubernetes gives out other ones than the network's.
        public var subnetLength: Int
    }

    /// The families that are looked after; what the kernel has of others stays as it is.
    public internal(set) var scopes = PerFamily<Scope>()
    /// The families that this node has a subnet of, but no address on the uplink for; they stay as they are.
    public internal(set) var familiesWithoutUplink: [AddressFamily] = []
    /// The interface by which the packets of a family leave this node.
    public let uplinks: PerFamily<LinkIndex>
    /// The tunnel device for the packets of a family.
    public internal(set) var devices = PerFamily<TunnelDevice>()
    /// Where the frames for the Ethernet addresses behind a device go.
    private(set) var endpoints = PerFamily<[MACAddress: IPAddress]>()
    /// The routes to the other nodes' subnets, in the order of their destinations; no two of them overlap.
    public internal(set) var routes: [DesiredRoute] = []
    /// This node's subnets whose packets are dropped where no route of a container takes them.
    public internal(set) var blackholes: [IPPrefix] = []
    /// The peers that are not programmed, and why.
    public internal(set) var skippedPeers: [SkippedPeer] = []
    /// The names of tunnel devices that this node's daemon made before and that no family of the network has now.
    public let formerDevices: [String]
    /// The networks that this node's daemon made routes in before and that no family has now.
    public private(set) var formerNetworks: [IPPrefix] = []

    /// Finds out what should be.
    ///
    /// - Parameters:
    ///   - own: This node's lease; the device gets the MAC address that it publishes.
    ///   - peers: The other nodes' leases; the own one may be among them.
    ///   - uplinks: The uplink of each family, each with its address of that family.
    ///   - formerDevices: The names of all devices that this node's daemon made and has not seen go. Nobody else can
    ///     tell them from those of another program. They are gone after a run that was complete.
    ///   - formerNetworks: All networks that this node's daemon made routes in, for the same reason.
    ///   - dropsUnclaimed: Whether packets to addresses of the own subnet that no container has are dropped, where they
    ///     would follow the default route otherwise: containers with routes of their own instead of a bridge need that.
    public init(
        own: Lease,
        peers: [Lease],
        uplinks: PerFamily<Uplink>,
        configuration: NetworkConfiguration,
        formerDevices: [String] = [],
        formerNetworks: [IPPrefix] = [],
        dropsUnclaimed: Bool = false
    ) {
        self.uplinks = PerFamily(v4: uplinks.v4?.index, v6: uplinks.v6?.index)
        // The device of a family that cannot be looked after now stays, too.
        let names = configuration.deviceNames
        self.formerDevices = formerDevices.filter { !names.contains($0) }
        for family in configuration.families.families {
            guard let settings = configuration.families[family], let subnet = own.subnets[family] else { continue }
            if configuration.backend == .alloc {
                scopes[family] = Scope(network: settings.network, subnetLength: subnet.length)
                if dropsUnclaimed { blackholes.append(subnet) }
                continue
            }
            guard let uplink = uplinks[family], let local = uplink.addresses[family] else {
                familiesWithoutUplink.append(family)
                continue
            }
            scopes[family] = Scope(network: settings.network, subnetLength: subnet.length)
            if dropsUnclaimed { blackholes.append(subnet) }
            var options: NetworkConfiguration.VXLANOptions?
            if case .vxlan(let vxlan) = configuration.backend {
                options = vxlan
                devices[family] = TunnelDevice(own, family, subnet.network, local: local, uplink, vxlan)
            }
            var selection = PeerSelection(
                network: settings.network,
                subnet: subnet.network,
                uplink: uplink,
                local: local,
                options: options,
                mac: devices[family]?.mac
            )
            selection.select(peers, family)
            devices[family]?.peers = selection.tunnelPeers
            endpoints[family] = selection.endpoints
            routes += selection.routes
            skippedPeers += selection.skipped
        }
        let networks = configuration.networks
        self.formerNetworks = formerNetworks.filter { network in
            // The routes of a family that cannot be looked after now stay, and another network may have been around them.
            !networks.contains(network)
                && (configuration.families[network.family] == nil || scopes[network.family] != nil)
        }
    }

    /// Finds out what should be where both families use one uplink.
    public init(
        own: Lease,
        peers: [Lease],
        uplink: Uplink,
        configuration: NetworkConfiguration,
        formerDevices: [String] = []
    ) {
        self.init(
            own: own,
            peers: peers,
            uplinks: PerFamily(v4: uplink, v6: uplink),
            configuration: configuration,
            formerDevices: formerDevices
        )
    }

    /// The networks of the families that are looked after.
    public var networks: [IPPrefix] { scopes.families.compactMap { scopes[$0]?.network } }

    /// The families whose routes may have to be changed.
    var routedFamilies: [AddressFamily] {
        AddressFamily.allCases.filter { family in
            scopes[family] != nil || formerNetworks.contains { $0.family == family }
        }
    }

    /// The former networks in which nothing of this daemon is left once the kernel holds what it should.
    ///
    /// Until there is a lease of the new network, a route for the subnet of the old one is still wanted.
    public var vacatedNetworks: [IPPrefix] {
        formerNetworks.filter { network in
            !blackholes.contains { network.contains($0) && scopes[$0.family]?.network.contains($0) != true }
        }
    }

    /// Whether packets of any family leave this node by an interface.
    func isUplink(_ index: LinkIndex?) -> Bool { index != nil && (uplinks.v4 == index || uplinks.v6 == index) }
}

extension NetworkConfiguration {
    /// The networks of the enabled families.
    public var networks: [IPPrefix] { families.families.compactMap { families[$0]?.network } }

    /// The names of the tunnel devices that each node has.
    public var deviceNames: [String] {
        guard case .vxlan(let options) = backend else { return [] }
        return families.families.map { TunnelDevice.name(vni: options.vni, $0) }
    }
}

/// A route to another node's subnet.
public struct DesiredRoute: Hashable, Sendable {
    /// The other node's subnet.
    public var destination: IPPrefix
    /// The other node: the first address of its subnet behind the tunnel device, its public address on the uplink.
    public var gateway: IPAddress
    /// Whether it leads through the tunnel device of its family.
    public var usesTunnel: Bool

    /// Describes a route.
    public init(destination: IPPrefix, gateway: IPAddress, usesTunnel: Bool) {
        self.destination = destination
        self.gateway = gateway
        self.usesTunnel = usesTunnel
    }
}
