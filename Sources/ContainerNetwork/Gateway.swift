// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
internal import LinuxSystem
internal import Netlink
public import RouteNetlink

/// The host's address in a container's subnet, on a bridge or a VLAN interface of it.
public struct Gateway: Hashable, Sendable {
    /// The address with the subnet's prefix length.
    public let prefix: IPPrefix

    /// The gateway of an address that a result assigns; nil when it has none.
    public init?(of ip: NetworkResult.IPConfiguration) {
        guard let address = ip.gateway, let prefix = IPPrefix(address, length: ip.address.length) else { return nil }
        self.prefix = prefix
    }

    /// What marks an address as added by us (`IFA_PROTO`, kernel 5.18): a number in the range that
    /// `/etc/iproute2/rt_addrprotos` leaves to administrators.
    public static let addressProtocol: UInt8 = 0x43

    /// Whether an address on an interface is one of ours.
    static func isOurs(_ address: LinkAddress) -> Bool { address.protocolNumber == addressProtocol }
}

extension RouteSocket {
    /// Makes an interface the owner of gateway addresses.
    ///
    /// Addresses of subnets that do not overlap coexist. An overlapping one of another value is replaced when
    /// `replacing` says so, or when it is ours and `isUnused` (no port besides the new one); otherwise it is a conflict.
    /// Ours that are neither wanted nor used any more are removed.
    ///
    /// - Parameter isUnused: Asked after the addresses were read, so that an address of a port that appears meanwhile
    ///   is never seen as unused.
    /// - Throws: ``CNIError`` with code 105 for a conflict.
    public borrowing func ensureGateways(
        _ gateways: [Gateway],
        on link: Link,
        replacing: Bool,
        isUnused: () throws(CNIError) -> Bool
    ) throws(CNIError) {
        let present = try allAddresses(of: link)
        let wanted = Set(gateways.map(\.prefix))
        let missing = gateways.filter { gateway in !present.contains { $0.prefix == gateway.prefix } }
        let strangers = present.filter { !wanted.contains($0.prefix) && !$0.prefix.address.isLinkLocal }
        if missing.isEmpty && !strangers.contains(where: Gateway.isOurs) { return }
        let unused = strangers.contains(where: Gateway.isOurs) ? try isUnused() : false
        for stranger in strangers {
            let overlapping = missing.first { $0.prefix.overlaps(stranger.prefix) }
            if Gateway.isOurs(stranger) && unused {
                try remove(stranger, from: link)
                // A port that came meanwhile may have found it here, and needs it.
                if try !isUnused() { try add(stranger.prefix, to: link) }
            } else if overlapping != nil && replacing {
                try remove(stranger, from: link)
            } else if let overlapping {
                throw CNIError(
                    .conflict,
                    "\"\(link.name)\" already has an IP address different from \(overlapping.prefix)",
                    details: "it has \(stranger.prefix), which overlaps; run: ip address del \(stranger.prefix) dev "
                        + "\(link.name), or set forceAddress to true"
                )
            }
        }
        // Looked at again: with the first address of a subnet the kernel removes the others.
        for gateway in try missingGateways(gateways, on: link) { try add(gateway.prefix, to: link) }
    }

    /// The gateways of a list that an interface does not have.
    public borrowing func missingGateways(_ gateways: [Gateway], on link: Link) throws(CNIError) -> [Gateway] {
        let present = try allAddresses(of: link)
        return gateways.filter { gateway in !present.contains { $0.prefix == gateway.prefix } }
    }

    private borrowing func allAddresses(of link: Link) throws(CNIError) -> [LinkAddress] {
        try kernel { () throws(NetlinkError) in try addresses(of: link.index) }
    }

    private borrowing func add(_ gateway: IPPrefix, to link: Link) throws(CNIError) {
        let address = LinkAddress(
            prefix: gateway,
            flags: gateway.family == .v6 ? [.noDAD] : [],
            protocolNumber: Gateway.addressProtocol
        )
        do { try addAddress(address, to: link.index) } catch {
            // Another ADD on this bridge was as fast.
            if error.number != .exists { throw CNIError(error) }
        }
    }

    private borrowing func remove(_ address: LinkAddress, from link: Link) throws(CNIError) {
        do { try removeAddress(address, from: link.index) } catch {
            if error.number != .addressNotAvailable { throw CNIError(error) }
        }
    }
}
