// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import LinuxSystem
public import Netlink

/// Reports of changes to the rulesets of one network namespace, as `nft monitor` prints them.
///
/// It tells which tables were touched, not how: who keeps a table reads it again.
public struct RulesetMonitor: ~Copyable {
    private let socket: NetlinkSocket

    private init(_ socket: consuming NetlinkSocket) { self.socket = socket }

    /// Starts to listen in the calling thread's namespace; what happens from now on is kept until it is read.
    ///
    /// - Parameter bufferSize: How many bytes of unread reports the kernel keeps; the default is good for some hundreds.
    public static func open(bufferSize: Int32 = 1 << 20) throws(NetlinkError) -> RulesetMonitor {
        let monitor = RulesetMonitor(try .open(.netfilter))
        try monitor.join(bufferSize)
        return monitor
    }

    /// Starts to listen in another namespace.
    public static func open(
        in namespace: borrowing NetworkNamespace,
        bufferSize: Int32 = 1 << 20
    ) throws(NetlinkError) -> RulesetMonitor {
        let monitor = RulesetMonitor(try .open(.netfilter, in: namespace))
        try monitor.join(bufferSize)
        return monitor
    }

    private borrowing func join(_ bufferSize: Int32) throws(NetlinkError) {
        try socket.setBuffers(receive: bufferSize)
        try socket.join(group: Int32(NFNLGRP_NFTABLES.rawValue))
    }

    /// The descriptor, for a caller that waits for several things.
    public var rawDescriptor: Int32 { socket.rawDescriptor }

    /// Waits for reports, and takes those that are there.
    ///
    /// One's own changes are reported, too.
    ///
    /// - Returns: What was touched; nil when the deadline came first.
    /// - Throws: `EINTR` when a termination signal arrived while waiting; faults of the protocol.
    public borrowing func next(until deadline: Deadline) throws(NetlinkError) -> RulesetChanges? {
        let operation = "wait for changes of rulesets"
        var changes = RulesetChanges()
        var datagramCount = 0
        // A stream that does not end is handed over in parts.
        while datagramCount < 256 {
            var isReadable = false
            do throws(SystemCallError) {
                isReadable = try (changes.isEmpty ? deadline : .after(.zero)).waitUntilReadable(socket.rawDescriptor)
            } catch { throw .systemCall(operation, error) }
            guard isReadable else { break }
            do throws(NetlinkError) {
                try socket.receive(operation) { (datagram) throws(NetlinkError) in try changes.read(datagram) }
            } catch {
                guard error.code == .messagesLost || error.code == .truncated else { throw error }
                changes.areIncomplete = true
            }
            if !changes.isEmpty { datagramCount += 1 }
        }
        return changes.isEmpty ? nil : changes
    }
}

/// What was touched in the rulesets of a namespace.
public struct RulesetChanges: Sendable {
    /// The tables in which something was added, changed or removed, or which were themselves.
    public internal(set) var tables: Set<Table> = []
    /// Whether the kernel had to drop reports because they were not read in time (`ENOBUFS`): any table may have been
    /// touched.
    public internal(set) var areIncomplete = false

    /// Nothing yet.
    init() {}

    var isEmpty: Bool { tables.isEmpty && !areIncomplete }

    /// Whether one of some tables may have been touched.
    public func concern(_ others: some Sequence<Table>) -> Bool {
        areIncomplete || others.contains(where: tables.contains)
    }

    /// Reads the messages of one datagram.
    mutating func read(_ datagram: borrowing RawSpan) throws(NetlinkError) {
        try MessageReader.forEach(in: datagram) { (header, payload) throws(NetlinkError) in
            guard header.type >> 8 == Int(NFNL_SUBSYS_NFTABLES),
                // The end of a transaction, which names no table.
                header.type & 0xff != Int(NFT_MSG_NEWGEN.rawValue)
            else { return }
            let family = TableFamily(rawValue: try payload.field(at: 0))
            // In all messages the table's name has the same number, that of NFTA_TABLE_NAME.
            try payload.forEachAttribute { (type: nft_table_attributes, value) throws(NetlinkError) in
                if type == NFTA_TABLE_NAME { tables.insert(Table(family, value.string)) }
            }
        }
    }
}
