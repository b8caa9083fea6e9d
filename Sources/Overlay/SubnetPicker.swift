// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// Chooses a node's subnets among those that no lease holds.
public struct SubnetPicker: Hashable, Sendable {
    /// How many free subnets, from the first up, one is drawn from: nodes that start at once rarely meet.
    static let candidates = 100

    private let configuration: NetworkConfiguration
    private let taken: [PerFamily<IPPrefix>]

    /// Looks at a network and at all subnets that are held in it, of whatever length.
    public init(_ configuration: NetworkConfiguration, taken: [PerFamily<IPPrefix>]) {
        self.configuration = configuration
        self.taken = taken
    }

    /// A subnet of each family, chosen independently: the previous one when it fits and is free, else one at random.
    public func pick(
        previous: PerFamily<IPPrefix> = PerFamily(),
        using generator: inout some RandomNumberGenerator
    ) throws(OverlayError) -> PerFamily<IPPrefix> {
        var result = PerFamily<IPPrefix>()
        for family in configuration.families.families {
            guard let rules = configuration.families[family] else { continue }
            let held = taken.compactMap { $0[family] }
            if let previous = previous[family], rules.admits(previous), !held.contains(where: previous.overlaps) {
                result[family] = previous
                continue
            }
            guard let subnet = rules.freeSubnets(beside: held, limit: Self.candidates).randomElement(using: &generator)
            else {
                throw rules.exhausted(by: held)
            }
            result[family] = subnet
        }
        return result
    }
}

extension NetworkConfiguration {
    /// Whether subnets can be a node's: one of each enabled family and no other, each of the right length and place.
    public func admits(_ subnets: PerFamily<IPPrefix>) -> Bool {
        for family in AddressFamily.allCases {
            switch (families[family], subnets[family]) {
            case (nil, nil): continue
            case (let rules?, let subnet?) where rules.admits(subnet): continue
            default: return false
            }
        }
        return true
    }

    /// Whether subnets can be a node's that somebody else gives out, of whatever length: one of each enabled family and no
    /// other, each a part of its network.
    public func encloses(_ subnets: PerFamily<IPPrefix>) -> Bool {
        AddressFamily.allCases.allSatisfy { family in
            switch (families[family], subnets[family]) {
            case (nil, nil): true
            case (let rules?, let subnet?): rules.network.contains(subnet)
            default: false
            }
        }
    }
}

extension NetworkConfiguration.Family {
    /// Whether a subnet has the right length and lies between the first and the last.
    public func admits(_ subnet: IPPrefix) -> Bool {
        subnet.length == subnetLength && subnet.isNetwork && subnet.family == network.family
            && subnet.address >= firstSubnet.address && subnet.address <= lastSubnet.address
    }

    /// How many subnets there are to give.
    public var subnetCount: UInt128 {
        let hostBits = UInt128(network.family.bitWidth - subnetLength)
        return (lastSubnet.address.value - firstSubnet.address.value) >> hostBits + 1
    }

    /// What is said where no subnet is free: one lease of a whole network is nothing that anybody would look for.
    fileprivate func exhausted(by held: [IPPrefix]) -> OverlayError {
        let large = held.filter { $0.length < subnetLength && $0.overlaps(network) }.sorted { $0.length < $1.length }
        let names = large.prefix(3).map(\.description).joined(separator: ", ")
        return OverlayError(
            .outOfSubnets,
            "out of subnets: all \(subnetCount) of \(network) from \(firstSubnet) to \(lastSubnet) are taken"
                + (large.isEmpty ? "" : ", many at once by leases that are larger than a node's subnet: \(names)"),
            advice: large.isEmpty
                ? "remove the leases of nodes that are gone, or configure a larger network"
                : "remove these leases unless they are reservations, or configure a larger network"
        )
    }

    /// The free subnets from the first up.
    ///
    /// Runs of held subnets are skipped, not walked: the cost is that of sorting the held ones, however large the
    /// network.
    func freeSubnets(beside held: [IPPrefix], limit: Int) -> [IPPrefix] {
        let obstacles = held.filter { $0.family == network.family }.sorted { $0.first < $1.first }
        var next = obstacles.startIndex
        var result: [IPPrefix] = []
        var candidate: IPPrefix? = firstSubnet
        while let subnet = candidate, subnet.address <= lastSubnet.address, result.count < limit {
            if next < obstacles.endIndex, obstacles[next].last < subnet.first {
                next += 1
            } else if next < obstacles.endIndex, obstacles[next].overlaps(subnet) {
                // A held subnet may be larger than one of ours, or one of several inside it.
                candidate = IPPrefix(max(obstacles[next].last, subnet.last), length: subnetLength)?.network.following
            } else {
                result.append(subnet)
                candidate = subnet.following
            }
        }
        return result
    }
}
