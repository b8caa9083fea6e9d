// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import Netlink

/// An IP address of an interface (`ip address`).
public struct LinkAddress: Hashable, Sendable {
    /// The address and the length of its subnet's prefix.
    public var prefix: IPPrefix
    /// The interface that has it; nil in an address that is to be added.
    public var interface: LinkIndex?
    /// The other end of a point-to-point connection, if there is one (`IFA_ADDRESS`).
    public var peer: IPAddress?
    /// The IPv4 broadcast address (`IFA_BROADCAST`).
    public var broadcast: IPAddress?
    /// How it came about and how it may be used.
    public var flags: AddressFlags
    /// How far it is valid: 0 everywhere, 253 on the link, 254 on the host (`ifa_scope`, `RT_SCOPE_…`).
    public var scope: UInt8
    /// Who added it (`IFA_PROTO`, Linux 5.18; `ip address add … proto N`); nil for nobody in particular.
    public var protocolNumber: UInt8?
    /// The name `ifconfig` knows it by (`IFA_LABEL`); IPv4 only.
    public var label: String?
    /// Attributes that are not interpreted here.
    public var unknownAttributes: [UnknownAttribute] = []

    /// Describes an address.
    ///
    /// An IPv4 address in a subnet shorter than /31 gets the subnet's last address as broadcast address; a loopback
    /// address gets the scope of the host.
    public init(
        prefix: IPPrefix,
        flags: AddressFlags = [],
        scope: UInt8? = nil,
        protocolNumber: UInt8? = nil,
        peer: IPAddress? = nil,
        label: String? = nil
    ) {
        self.prefix = prefix
        self.flags = flags
        self.scope = scope ?? (prefix.address.isLoopback ? 254 : 0)
        self.protocolNumber = protocolNumber
        self.peer = peer
        self.label = label
        broadcast =
            prefix.family == .v4 && prefix.length < 31 && peer == nil && !prefix.address.isLoopback
            ? prefix.last : nil
    }
}

/// How an address came about and how it may be used (`IFA_FLAGS`).
public struct AddressFlags: OptionSet, Hashable, Sendable {
    /// The bits of `IFA_FLAGS`.
    public let rawValue: UInt32
    /// Creates flags from bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The corresponding C constant is `IFA_F_SECONDARY`: an earlier address in the same subnet comes first.
    public static var secondary: AddressFlags { AddressFlags(rawValue: 0x1) }
    /// The corresponding C constant is `IFA_F_TEMPORARY`: of an IPv6 address, one that changes (RFC 8981); the same bit.
    public static var temporary: AddressFlags { AddressFlags(rawValue: 0x1) }
    /// The corresponding C constant is `IFA_F_NODAD`: usable at once, without duplicate address detection.
    public static var noDAD: AddressFlags { AddressFlags(rawValue: 0x2) }
    /// The corresponding C constant is `IFA_F_DADFAILED`: another station has it.
    public static var dadFailed: AddressFlags { AddressFlags(rawValue: 0x8) }
    /// The corresponding C constant is `IFA_F_DEPRECATED`.
    public static var deprecated: AddressFlags { AddressFlags(rawValue: 0x20) }
    /// The corresponding C constant is `IFA_F_TENTATIVE`: duplicate address detection has not ended.
    public static var tentative: AddressFlags { AddressFlags(rawValue: 0x40) }
    /// The corresponding C constant is `IFA_F_PERMANENT`: without a lifetime.
    public static var permanent: AddressFlags { AddressFlags(rawValue: 0x80) }
    /// The corresponding C constant is `IFA_F_NOPREFIXROUTE`: no route to its subnet comes with it.
    public static var noPrefixRoute: AddressFlags { AddressFlags(rawValue: 0x200) }
}
