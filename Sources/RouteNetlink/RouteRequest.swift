// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
package import Netlink

/// A change to links, addresses, routes or neighbours, ready to be sent alone or with others.
///
/// Making one checks what a message cannot express; nothing is sent by it.
public struct RouteRequest: Hashable, Sendable {
    /// What is sent.
    package let message: NetlinkRequest
    /// The interface that the operation's description ends with; its name is looked up only for an error.
    let interface: LinkIndex?

    /// Lets libnl-route build the message from one of its objects.
    ///
    /// - Parameters:
    ///   - operation: What it does; ends with a preposition when `interface` is given, as in "add address … to".
    ///   - build: One of libnl's `…_build_…_request` functions; answers a negative code of libnl.
    ///   - amendment: Puts what libnl-route has no setter for.
    init(
        _ operation: String,
        on interface: LinkIndex?,
        purpose: RequestPurpose,
        flags: MessageFlags = [],
        _ build: (inout OpaquePointer?) -> Int32,
        amendment: (inout AttributeWriter) -> Void = { _ in }
    ) throws(NetlinkError) {
        var message: OpaquePointer?
        let result = build(&message)
        guard result >= 0, let message else { throw .invalid(operation, String(cString: nl_geterror(result))) }
        self.message = try NetlinkRequest(operation, purpose: purpose, adopting: message, flags: flags, amendment)
        self.interface = interface
    }

    /// A message written attribute by attribute, where libnl-route has no object for the job.
    init(
        _ operation: String,
        on interface: LinkIndex?,
        purpose: RequestPurpose,
        type: Int,
        flags: MessageFlags = [],
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) {
        message = try NetlinkRequest(operation, purpose: purpose, type: type, flags: flags, body)
        self.interface = interface
    }
}

/// An address in libnl's form; libnl's objects keep references of their own.
struct LibnlAddress: ~Copyable {
    private let pointer: OpaquePointer?

    /// An IP address with a prefix length.
    init(_ prefix: IPPrefix) {
        pointer = nl_addr_build(Int32(prefix.family.number), prefix.address.octets, prefix.address.octets.count)
        if let pointer { nl_addr_set_prefixlen(pointer, Int32(prefix.length)) }
    }

    /// An IP address without one.
    init(_ address: IPAddress) { self.init(IPPrefix(host: address)) }

    /// An Ethernet address.
    init(_ mac: MACAddress) { pointer = nl_addr_build(LibnlAddress.linkLayer, mac.octets, mac.octets.count) }

    /// Hands the address to one of libnl's setters, which may find it nil where memory is short.
    ///
    /// A closure and no property: the address must not end before the setter has it.
    borrowing func lend<Result>(_ body: (OpaquePointer?) -> Result) -> Result { body(pointer) }

    /// The corresponding C constant is `AF_LLC`, by which libnl means link-layer addresses.
    private static var linkLayer: Int32 { 26 }

    deinit { if let pointer { nl_addr_put(pointer) } }
}
