// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses

/// A part of one subnet from which addresses are handed out.
public struct AddressRange: Hashable, Sendable {
    /// The subnet; its prefix length is the one containers get.
    public let subnet: IPPrefix
    /// The first address that may be handed out.
    public let start: IPAddress
    /// The last address that may be handed out.
    public let end: IPAddress
    /// The containers' gateway, in the subnet or not; it is never handed out.
    public let gateway: IPAddress
    /// Addresses and subnets that are never handed out.
    public let excluded: [IPPrefix]

    /// Validates a range and fills in what is left out: all of the subnet but its network address (and in IPv4 its
    /// broadcast address), the first of these as gateway.
    ///
    /// - Parameter path: Where the range stands in the configuration, such as "ipam.ranges[0][0]".
    /// - Throws: ``CNIError`` with code 7 that names field, value and what would be right.
    public init(
        subnet: IPPrefix,
        start: IPAddress? = nil,
        end: IPAddress? = nil,
        gateway: IPAddress? = nil,
        excluded: [IPPrefix] = [],
        path: String
    ) throws(CNIError) {
        let family = subnet.family
        func invalid(_ field: String, _ reason: String) -> CNIError {
            CNIError(.invalidConfiguration, "\(path).\(field): \(reason)")
        }
        guard subnet.isNetwork else {
            throw invalid("subnet", "\(subnet) has bits set behind the prefix, must be \(subnet.network)")
        }
        guard subnet.length <= family.bitWidth - 2 else {
            throw invalid(
                "subnet",
                "\(subnet) is too small to allocate from, must be /\(family.bitWidth - 2) or larger"
            )
        }
        guard let first = subnet.first.next, let last = AddressRange.lastUsable(in: subnet) else {
            throw invalid("subnet", "\(subnet) has no addresses to hand out")
        }
        for (field, value) in [("rangeStart", start), ("rangeEnd", end)] {
            guard let value else { continue }
            guard subnet.contains(value) else { throw invalid(field, "\(value) is not in subnet \(subnet)") }
            guard value >= first else {
                throw invalid(field, "\(value) is the address of subnet \(subnet) itself, must be \(first) or higher")
            }
            guard value <= last else {
                throw invalid(field, "\(value) is the broadcast address of \(subnet), must be \(last) or lower")
            }
        }
        let (start, end) = (start ?? first, end ?? last)
        guard start <= end else { throw invalid("rangeStart", "\(start) is higher than rangeEnd \(end)") }
        if let gateway, gateway.family != family {
            throw invalid("gateway", "\(gateway) is an \(gateway.family) address, subnet \(subnet) is \(family)")
        }
        self.subnet = subnet
        self.start = start
        self.end = end
        self.gateway = gateway ?? first
        self.excluded = excluded.filter { $0.family == family }
    }

    /// Whether an address lies between start and end.
    public func contains(_ address: IPAddress) -> Bool {
        address.family == subnet.family && start <= address && address <= end
    }

    /// Whether the two ranges have an address in common.
    func overlaps(_ other: AddressRange) -> Bool {
        subnet.family == other.subnet.family && start <= other.end && other.start <= end
    }

    /// IPv6 has no broadcast address: all of a subnet but its first address is usable.
    private static func lastUsable(in subnet: IPPrefix) -> IPAddress? {
        switch subnet.last {
        case .v4(let broadcast): .v4(IPv4Address(rawValue: broadcast.rawValue - 1))
        case .v6: subnet.last
        }
    }
}

extension AddressRange: CustomStringConvertible {
    /// "start-end", as the reference prints it.
    public var description: String { "\(start)-\(end)" }
}

/// Ranges of one family that serve the same purpose: a container gets one address out of a set.
public struct RangeSet: Hashable, Sendable {
    /// The ranges in the order they are tried.
    public let ranges: [AddressRange]
    /// The family of all ranges.
    public let family: AddressFamily

    /// Joins ranges.
    ///
    /// - Parameter path: Where the set stands in the configuration, such as "ipam.ranges[0]".
    /// - Throws: ``CNIError`` with code 7 when there is none, when families are mixed, or when two ranges overlap.
    public init(_ ranges: [AddressRange], path: String) throws(CNIError) {
        guard let first = ranges.first else {
            throw CNIError(.invalidConfiguration, "\(path): is an empty range set, must hold at least one range")
        }
        for (index, range) in ranges.enumerated() {
            guard range.subnet.family == first.subnet.family else {
                throw CNIError(
                    .invalidConfiguration,
                    "\(path): holds \(first.subnet) and \(range.subnet), must be of one family; "
                        + "use a range set for each family"
                )
            }
            if let other = ranges[..<index].first(where: { $0.overlaps(range) }) {
                throw CNIError(.invalidConfiguration, "\(path): ranges \(other) and \(range) overlap")
            }
        }
        self.ranges = ranges
        family = first.subnet.family
    }

    /// Whether an address is in one of the ranges.
    public func contains(_ address: IPAddress) -> Bool { range(of: address) != nil }

    /// The range that holds an address.
    public func range(of address: IPAddress) -> AddressRange? { ranges.first { $0.contains(address) } }

    /// The first range of this set and the range of the other that have an address in common.
    public func overlap(with other: RangeSet) -> (AddressRange, AddressRange)? {
        for range in ranges {
            if let match = other.ranges.first(where: { $0.overlaps(range) }) { return (range, match) }
        }
        return nil
    }
}

extension RangeSet: CustomStringConvertible {
    /// The ranges separated by commas, as the reference prints them.
    public var description: String { ranges.map(\.description).joined(separator: ",") }
}
