// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import LinuxSystem
internal import Netlink

/// Where a packet for one address goes (`ip route get`).
public struct RouteLookup: Hashable, Sendable {
    /// What happens to the packet; ``RouteType/local`` when this host itself is its destination.
    public let type: RouteType
    /// The interface it leaves by; the loopback interface for an address of this host.
    public let interface: LinkIndex

    /// Whether the address is one of this host's: of an interface, in `127.0.0.0/8`, `::1`, or in a local route (AnyIP).
    ///
    /// To the kernel `0.0.0.0` is, too, as a destination; `::` is not.
    public var isLocal: Bool { type == .local }
}

extension RouteLookup {
    /// Reads what follows the header of the `RTM_NEWROUTE` that answers a look-up.
    ///
    /// - Returns: nil for a route that leads nowhere.
    init?(reading payload: borrowing RawSpan) throws(NetlinkError) {
        var interface: LinkIndex?
        try AttributeReader.forEach(in: payload, after: 12) { (type, value) throws(NetlinkError) in
            if UInt32(type) == RTA_OIF.rawValue { interface = try LinkIndex(nonZero: value) }
        }
        guard let interface else { return nil }
        self.type = RouteType(rawValue: try payload.field(at: 7))
        self.interface = interface
    }

    /// Whether a refusal says that no way leads to the address, and not that the question was wrong.
    static func isDeadEnd(_ error: NetlinkError, _ family: AddressFamily) -> Bool {
        guard error.code == .refused else { return false }
        switch error.number {
        // No route, or one of type throw; type unreachable; type prohibit.
        case .networkUnreachable, .hostUnreachable, .accessDenied: return true
        // Type blackhole. Of a malformed question the kernel says what is wrong with it.
        case .invalidArgument: return error.kernelMessage.isEmpty
        // A kernel without IPv6.
        case .notSupported, .addressFamilyNotSupported: return family == .v6
        default: return false
        }
    }
}
