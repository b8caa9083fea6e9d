// swift-cni, SPDX-License-Identifier: Apache-2.0

/// VLANs that a bridge port takes part in (`bridge vlan`).
public struct BridgeVLAN: Hashable, Sendable {
    /// The VLAN ids, within 1…4094; most often one.
    public let ids: ClosedRange<UInt16>
    /// Whether frames without a tag belong to it; only for a single VLAN (`BRIDGE_VLAN_INFO_PVID`).
    public let isPVID: Bool
    /// Whether its frames leave without a tag (`BRIDGE_VLAN_INFO_UNTAGGED`).
    public let isUntagged: Bool

    /// The VLAN id, the first of a range.
    public var id: UInt16 { ids.lowerBound }

    /// One VLAN.
    public init(id: UInt16, isPVID: Bool = false, isUntagged: Bool = false) {
        self.init(ids: id...id, isPVID: isPVID, isUntagged: isUntagged)
    }

    /// All VLANs of a range.
    public init(ids: ClosedRange<UInt16>, isPVID: Bool = false, isUntagged: Bool = false) {
        self.ids = ids
        self.isPVID = isPVID
        self.isUntagged = isUntagged
    }
}
