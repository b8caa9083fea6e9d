// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// The nodes whose leases are gone, but perhaps only for a moment.
///
/// A lease that is revoked is taken again by its node some milliseconds later, and a file that is replaced carelessly is
/// away for as long as that takes. So what leads to such a node stays for a while, unless somebody else is in its place.
///
/// It is a plain value that knows no clock: the time is given with each call, in nanoseconds from any point.
public struct DepartedPeers: Sendable {
    /// How long a node may be away.
    public static var patience: Int64 { 1_000_000_000 }

    /// The leases that were there last; nil before the first call: what was there before nobody knows.
    private var present: [Lease]?
    private var departed: [(lease: Lease, end: Int64)] = []

    /// Nobody is known yet.
    public init() {}

    /// When the first of those that are waited for is given up; nil when there is none.
    public var nextEnd: Int64? { departed.map(\.end).min() }

    /// The subnets of those that are waited for.
    public var subnets: [PerFamily<IPPrefix>] { departed.map(\.lease.subnets) }

    /// Notes which leases there are now.
    ///
    /// - Parameters:
    ///   - peers: The other nodes' leases, in the order of their keys.
    ///   - own: This node's lease.
    /// - Returns: Those, and behind them the ones that are gone and waited for.
    public mutating func update(to peers: [Lease], own: Lease?, at now: Int64) -> [Lease] {
        let before = present ?? peers
        present = peers
        let (gone, new) = Self.changes(from: before, to: peers)
        let returned = Set(new.map(\.subnets))
        departed += gone.map { ($0, now + Self.patience) }
        let rivals = own.map { new + [$0] } ?? new
        departed.removeAll { lease, end in
            end <= now || returned.contains(lease.subnets) || rivals.contains { $0.replaces(lease) }
        }
        // No copy of thousands for nothing.
        return departed.isEmpty ? peers : peers + departed.map(\.lease)
    }

    /// Forgets all, as with another configuration nothing is what it was.
    public mutating func forget() { self = DepartedPeers() }

    /// Whose subnets are only in the one list, and whose only in the other: nearly all are in both, at one end or the other.
    private static func changes(from old: [Lease], to new: [Lease]) -> (gone: ArraySlice<Lease>, new: ArraySlice<Lease>)
    {
        var start = 0
        var (oldEnd, newEnd) = (old.count, new.count)
        while start < min(oldEnd, newEnd), old[start].subnets == new[start].subnets { start += 1 }
        while start < min(oldEnd, newEnd), old[oldEnd - 1].subnets == new[newEnd - 1].subnets {
            (oldEnd, newEnd) = (oldEnd - 1, newEnd - 1)
        }
        let (old, new) = (old[start..<oldEnd], new[start..<newEnd])
        let (before, after) = (Set(old.map(\.subnets)), Set(new.map(\.subnets)))
        return (old.filter { !after.contains($0.subnets) }[...], new.filter { !before.contains($0.subnets) }[...])
    }
}

extension Lease {
    /// Whether a lease that is gone cannot be waited for beside this one.
    ///
    /// It has addresses of the other's subnets, or its node's device is the other's: then that node has other subnets now.
    fileprivate func replaces(_ other: Lease) -> Bool {
        if subnets.overlaps(other.subnets) { return true }
        return AddressFamily.allCases.contains { family in
            guard let mine = attributes.vxlanEndpoints[family] else { return false }
            return mine == other.attributes.vxlanEndpoints[family]
        }
    }
}
