// swift-cni, SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What a request wants, as far as the kernel's objections to it have well-known causes.
public enum RequestPurpose: Hashable, Sendable {
    /// Something whose errors speak for themselves.
    case general
    /// A look-up or a dump.
    case query
    /// A new link.
    case addLink
    /// A link changed or removed.
    case changeLink
    /// A port's settings, or a link made a port.
    case changePort
    /// VLANs of a bridge or a port.
    case changeVLANs
    /// A new IPv4 address.
    case addIPv4Address
    /// A new IPv6 address.
    case addIPv6Address
    /// A new route.
    case addRoute
    /// A neighbour or forwarding entry.
    case changeNeighbor
    /// Packet filter rules.
    case changeRuleset
}

extension NetlinkError {
    /// The kernel refused a request: its number and sentence, and what usually helps.
    public static func refused(
        _ operation: String,
        purpose: RequestPurpose,
        number: ErrorNumber,
        kernelMessage: String = "",
        attributeOffset: Int? = nil
    ) -> NetlinkError {
        NetlinkError(
            .refused,
            operation: operation,
            number: number,
            kernelMessage: kernelMessage,
            attributeOffset: attributeOffset,
            // The kernel's own sentence is more precise than a guess at the usual cause.
            detail: kernelMessage.isEmpty ? advice(purpose, number) : ""
        )
    }

    /// A system call on the socket failed.
    static func socketFailed(_ operation: String, _ number: ErrorNumber) -> NetlinkError {
        if number == .noBufferSpace {
            return NetlinkError(
                .messagesLost,
                operation: operation,
                number: number,
                detail: "the receive buffer was full and the kernel dropped messages; read the state again"
            )
        }
        return NetlinkError(.socketFailed, operation: operation, number: number, detail: advice(.general, number))
    }

    /// A system call around the socket failed, such as entering a namespace.
    public static func systemCall(_ operation: String, _ error: SystemCallError) -> NetlinkError {
        NetlinkError(.socketFailed, operation: operation, number: error.number, detail: "in \(error.call)")
    }

    /// A message that cannot be what the kernel meant to say.
    public static func malformed(_ detail: String) -> NetlinkError {
        NetlinkError(.malformed, operation: "read a netlink message", number: .badMessage, detail: detail)
    }

    /// A request that cannot be put into a message.
    public static func invalid(_ operation: String, _ detail: String) -> NetlinkError {
        NetlinkError(.invalidRequest, operation: operation, number: .invalidArgument, detail: detail)
    }

    /// What usually causes an error number on a request, and what to do about it; "" when that is unknown.
    private static func advice(_ purpose: RequestPurpose, _ number: ErrorNumber) -> String {
        switch (purpose, number) {
        case (.addIPv6Address, .accessDenied):
            "IPv6 is disabled on the interface: set net.ipv6.conf.<interface>.disable_ipv6=0"
        case (.addIPv6Address, .notSupported), (.addIPv6Address, .addressFamilyNotSupported):
            "this kernel has no IPv6, or it was started with ipv6.disable=1"
        case (_, .notPermitted), (_, .accessDenied):
            "run as root, or with CAP_NET_ADMIN in the user namespace that owns the network namespace"
        case (.changeRuleset, .invalidArgument), (.changeRuleset, .notSupported):
            "this kernel lacks nf_tables (CONFIG_NF_TABLES) or a part of it that is needed, or a module cannot be loaded"
        case (.addLink, .exists): "an interface with this name exists already in that network namespace"
        case (.addLink, .notSupported):
            "the kernel does not know this kind of interface, or a setting of it (VLAN filtering of a bridge), or the "
                + "module for it cannot be loaded"
        case (.addLink, .exchangeFull), (.changePort, .exchangeFull):
            "the bridge has all the ports it can have, 1,023: put further containers on a network with another bridge"
        case (.changeLink, .noSuchDevice), (.changePort, .noSuchDevice), (.addIPv4Address, .noSuchDevice),
            (.addIPv6Address, .noSuchDevice), (.changeNeighbor, .noSuchDevice), (.changeVLANs, .noSuchDevice):
            "the interface does not exist in this network namespace"
        case (.changeLink, .busy): "the interface is in use, or must be down for this change"
        case (.changePort, .busy): "the interface is a port of another bridge or bond already"
        case (.changePort, .loop): "a bridge cannot be a port of another bridge"
        case (.changeVLANs, .notSupported):
            "the kernel has no bridge VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING), or the interface is no bridge port"
        case (.addRoute, .networkUnreachable):
            "the gateway is not in a subnet of the interface: add such an address first, or make the route onlink"
        case (.addRoute, .networkDown): "the interface is down: bring it up before its routes are added"
        default: ""
        }
    }
}
