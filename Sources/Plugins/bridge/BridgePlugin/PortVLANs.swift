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
        let difference = try difference(on: port, host)
        try kernel { () throws(NetlinkError) in
            if !difference.surplus.isEmpty { try host.removeVLANs(difference.surplus, from: port) }
            if !difference.missing.isEmpty { try host.addVLANs(difference.missing, to: port) }
        }
    }

    /// The VLANs that a port lacks, or has in another way, and those it should not have.
    func difference(
        on port: LinkIndex,
        _ host: borrowing RouteSocket
    ) throws(CNIError) -> (missing: [BridgeVLAN], surplus: [BridgeVLAN]) {
        let ranges = try kernel { () throws(NetlinkError) in try host.vlans(of: port) }
        // The kernel joins neighbours that are alike into ranges.
        let present = ranges.flatMap { range in
            range.ids.map { BridgeVLAN(id: $0, isPVID: range.isPVID, isUntagged: range.isUntagged) }
        }
        let surplus = preservesDefault ? [] : present.filter { vlan in !wanted.contains { $0.id == vlan.id } }
        return (wanted.filter { !present.contains($0) }, surplus)
    }
}
