// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import IPAddresses
public import Netlink

extension RouteSocket {
    /// Adds a neighbour: `ip neighbour add`.
    ///
    /// - Throws: `EEXIST` when there is one with this address.
    public borrowing func addNeighbor(_ entry: NeighborEntry) throws(NetlinkError) { try perform(.addNeighbor(entry)) }

    /// Adds a neighbour or changes the one with this address: `ip neighbour replace`.
    public borrowing func replaceNeighbor(_ entry: NeighborEntry) throws(NetlinkError) {
        try perform(.replaceNeighbor(entry))
    }

    /// Removes a neighbour: `ip neighbour delete`.
    ///
    /// - Throws: `ENOENT` when there is none.
    public borrowing func removeNeighbor(_ entry: NeighborEntry) throws(NetlinkError) {
        try perform(.removeNeighbor(entry))
    }

    /// The neighbours of an interface, or of all: `ip neighbour show nud all`.
    ///
    /// The kernel's own entries for multicast are among them, with the state `noARP`.
    public borrowing func neighbors(
        of index: LinkIndex? = nil,
        family: AddressFamily? = nil
    ) throws(NetlinkError) -> [NeighborEntry] {
        try neighbors(of: index, family: family) { $0 }
    }

    /// What a closure makes of the neighbours of an interface, or of all; see ``routes(family:table:interface:_:)``.
    public borrowing func neighbors<Element>(
        of index: LinkIndex?,
        family: AddressFamily?,
        _ select: (NeighborEntry) throws(NetlinkError) -> Element?
    ) throws(NetlinkError) -> [Element] {
        try dumpNeighbors("list neighbors", family?.number ?? 0, index) { (message) throws(NetlinkError) in
            guard let entry = message.neighbor, family == nil || entry.address.family == family else { return nil }
            return try select(entry)
        }
    }

    /// Adds a forwarding entry: `bridge fdb add`.
    ///
    /// - Throws: `EEXIST` when the address has one.
    public borrowing func addForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) {
        try perform(.addForwardingEntry(entry))
    }

    /// Adds a forwarding entry or changes the one of this address: `bridge fdb replace`.
    public borrowing func replaceForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) {
        try perform(.replaceForwardingEntry(entry))
    }

    /// Adds a destination to those of this address: `bridge fdb append`.
    public borrowing func appendForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) {
        try perform(.appendForwardingEntry(entry))
    }

    /// Removes a forwarding entry: `bridge fdb delete`.
    ///
    /// - Throws: `ENOENT` when there is none.
    public borrowing func removeForwardingEntry(_ entry: ForwardingEntry) throws(NetlinkError) {
        try perform(.removeForwardingEntry(entry))
    }

    /// The forwarding entries of a bridge port or a VXLAN device, or of all: `bridge fdb show`.
    public borrowing func forwardingEntries(of index: LinkIndex? = nil) throws(NetlinkError) -> [ForwardingEntry] {
        try forwardingEntries(of: index) { $0 }
    }

    /// What a closure makes of the forwarding entries of a device, or of all; see ``routes(family:table:interface:_:)``.
    public borrowing func forwardingEntries<Element>(
        of index: LinkIndex?,
        _ select: (ForwardingEntry) throws(NetlinkError) -> Element?
    ) throws(NetlinkError) -> [Element] {
        try dumpNeighbors("list forwarding entries", BridgeFamily.number, index) { (message) throws(NetlinkError) in
            guard let entry = message.forwardingEntry else { return nil }
            return try select(entry)
        }
    }

    private borrowing func dumpNeighbors<Entry>(
        _ operation: String,
        _ family: UInt8,
        _ index: LinkIndex?,
        _ select: (NeighborMessage) throws(NetlinkError) -> Entry?
    ) throws(NetlinkError) -> [Entry] {
        let request = try NetlinkRequest(operation, purpose: .query, type: RTM_GETNEIGH, flags: .dump) { writer in
            var header = ndmsg()
            header.ndm_family = family
            writer.append(header: header)
            if let index { writer.put(NDA_IFINDEX, index.rawValue) }
        }
        return try socket.dump(request) { (type, payload) throws(NetlinkError) in
            guard type == RTM_NEWNEIGH else { return nil }
            let message = try NeighborMessage(reading: payload)
            return index == nil || message.interface == index ? try select(message) : nil
        }
    }
}
