// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import Netlink
internal import RouteNetlink

/// The VLANs of a port: what a configuration asks for, set and verified.
struct PortVLANs {
    /// The VLANs to have, one entry each.
    let wanted: [BridgeVLAN]
    /// Whether the bridge's default VLAN, which every new port starts in, stays.
    let preservesDefault: Bool

    /// Access VLAN untagged, trunk VLANs tagged; a trunk without access VLAN keeps VLAN 1 for untagged frames.
    init(_ configuration: BridgeConfiguration) {
        let access = configuration.vlan ?? 1
        let tagged = configuration.vlanTrunk.filter { $0 != access }
        wanted = [BridgeVLAN(id: access, isPVID: true, isUntagged: true)] + tagged.map { BridgeVLAN(id: $0) }
        preservesDefault = configuration.preservesDefaultVLAN
    }

    /// One access VLAN and nothing else.
    init(access: UInt16) {
        wanted = [BridgeVLAN(id: access, isPVID: true, isUntagged: true)]
        preservesDefault = false
    }

    /// Gives a port these VLANs.
    func apply(to port: LinkIndex, _ host: borrowing RouteSocket) throws(CNIError) {
        try kernel { () throws(NetlinkError) in
            let present = try host.vlans(of: port)
            let surplus = preservesDefault ? [] : present.filter { vlan in !wanted.contains { $0.id == vlan.id } }
            if !surplus.isEmpty { try host.removeVLANs(surplus, from: port) }
            let missing = wanted.filter { !present.contains($0) }
            if !missing.isEmpty { try host.addVLANs(missing, to: port) }
        }
    }

    /// The VLANs that a port does not have as wanted.
    func missing(on port: LinkIndex, _ host: borrowing RouteSocket) throws(CNIError) -> [BridgeVLAN] {
        let present = try kernel { () throws(NetlinkError) in try host.vlans(of: port) }
        return wanted.filter { !present.contains($0) }
    }
}
