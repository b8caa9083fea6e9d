// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import IPAddresses
internal import Netlink

/// The messages to the connection tracker.
///
/// A removal always has a tuple: one without would remove every flow of the host.
enum ConntrackRequest {
    /// Asks how many flows there are: `conntrack -C`.
    static func count() throws(NetlinkError) -> NetlinkRequest {
        try make("count tracked connections", IPCTNL_MSG_CT_GET_STATS, nil, purpose: .query) { _ in }
    }

    /// Asks for the flows of a family, or of both: `conntrack -L`.
    static func list(_ family: AddressFamily?) throws(NetlinkError) -> NetlinkRequest {
        try make("list tracked connections", IPCTNL_MSG_CT_GET, family, purpose: .query, flags: .dump) { _ in }
    }

    /// Asks for flows of a family which the kernel preselects (Linux 5.8; an older one ignores it).
    static func list(_ family: AddressFamily, _ selection: KernelSelection) throws(NetlinkError) -> NetlinkRequest {
        try make("list tracked connections", IPCTNL_MSG_CT_GET, family, purpose: .query, flags: .dump) {
            selection.write(to: &$0)
        }
    }

    /// Removes one flow: `conntrack -D` with everything that there is to tell it by.
    static func remove(_ flow: Flow) throws(NetlinkError) -> NetlinkRequest {
        try make("remove tracked connection \(flow.original)", IPCTNL_MSG_CT_DELETE, flow.original.source.family) {
            $0.put(Int(CTA_TUPLE_ORIG.rawValue) | nested, bytes: flow.originalAttributes)
            if flow.zone != 0 { $0.put(Int(CTA_ZONE.rawValue), bigEndian: flow.zone) }
            $0.put(Int(CTA_ID.rawValue), bigEndian: flow.id)
        }
    }

    /// Removes what leads from a port to an address (Linux 6.11).
    ///
    /// An older kernel takes the incomplete tuples for complete ones and answers `EINVAL`.
    ///
    /// - Returns: nil where the kernel would remove other flows, too.
    static func removeAll(
        through port: FlowFilter.Port,
        leadingTo address: IPAddress
    ) throws(NetlinkError) -> NetlinkRequest? {
        guard let selection = KernelSelection(removing: port, leadingTo: address) else { return nil }
        return try make(
            "remove tracked connections through port \(port.number) to \(address)",
            IPCTNL_MSG_CT_DELETE,
            address.family
        ) { selection.write(to: &$0) }
    }

    private static func make(
        _ operation: String,
        _ type: cntl_msg_types,
        _ family: AddressFamily?,
        purpose: RequestPurpose = .general,
        flags: MessageFlags = [],
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) -> NetlinkRequest {
        try NetlinkRequest(
            operation,
            purpose: purpose,
            type: Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(type.rawValue),
            flags: flags
        ) { writer in
            // AF_UNSPEC stands for both families.
            writer.append(header: nfgenmsg(nfgen_family: family?.number ?? 0, version: UInt8(NFNETLINK_V0), res_id: 0))
            body(&writer)
        }
    }

    /// The corresponding C constant, `NLA_F_NESTED`, is an expression that is not imported.
    private static var nested: Int { 1 << 15 }
}
