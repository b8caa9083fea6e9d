// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import LinuxSystem
public import Netlink

/// A socket to the nf_tables rulesets of one network namespace.
///
/// It stays in the namespace in which it was opened. Close it late: after a deletion the kernel waits, when the socket
/// closes, until no packet sees the deleted things any more, about 15 ms.
public struct NFTablesSocket: ~Copyable {
    let socket: NetlinkSocket

    private init(_ socket: consuming NetlinkSocket) { self.socket = socket }

    /// Opens a socket in the calling thread's namespace.
    public static func open() throws(NetlinkError) -> NFTablesSocket { NFTablesSocket(try .open(.netfilter)) }

    /// Opens a socket in another namespace.
    public static func open(in namespace: borrowing NetworkNamespace) throws(NetlinkError) -> NFTablesSocket {
        NFTablesSocket(try .open(.netfilter, in: namespace))
    }

    /// The number of the ruleset's present state: every commit of anybody's in this namespace changes it.
    ///
    /// - Throws: When the kernel has no nf_tables, among other things.
    public borrowing func generation() throws(NetlinkError) -> UInt32 {
        let request = try NetlinkRequest.nfTables("read the ruleset's generation", NFT_MSG_GETGEN, .inet, []) { _ in }
        var generation: UInt32 = 0
        try socket.query(request) { (_, payload) throws(NetlinkError) in
            try payload.forEachAttribute { (type: nft_gen_attributes, value) throws(NetlinkError) in
                if type == NFTA_GEN_ID { generation = try value.bigEndian() }
            }
        }
        return generation
    }

    /// How a transaction ended.
    public enum Outcome: Hashable, Sendable {
        /// All of it is done.
        case committed
        /// Nothing was done: the ruleset is not in the generation that was named any more.
        case outdated
        /// Nothing was done: the kernel refused these steps.
        case refused([Refusal])
    }

    /// A step that the kernel refused.
    public struct Refusal: Hashable, Sendable {
        /// The step's number in its transaction.
        public let step: Int
        /// The kernel's objection.
        public let error: NetlinkError
    }

    /// Carries out a transaction: `nft -f`.
    ///
    /// - Parameter generation: What the ruleset must be like still; nil when that does not matter.
    /// - Throws: Only what concerns the socket, or the transaction as a whole.
    public borrowing func commit(
        _ transaction: consuming Transaction,
        ifGeneration generation: UInt32? = nil
    ) throws(NetlinkError) -> Outcome {
        let messages = transaction.messages
        guard !messages.isEmpty else { return .committed }
        let begin = try NetlinkRequest.batchLimit("begin a transaction", NFNL_MSG_BATCH_BEGIN) { writer in
            if let generation { writer.put(NFNL_BATCH_GENID, generation) }
        }
        let end = try NetlinkRequest.batchLimit("end a transaction", NFNL_MSG_BATCH_END)
        let answers = try socket.performBatch(begin: begin, messages, end: end)
        if let error = answers.begin {
            // The corresponding C constant is ERESTART.
            if generation != nil, error.number.rawValue == 85 { return .outdated }
            throw error
        }
        let refusals = answers.outcomes.enumerated().compactMap { step, error in
            error.map { Refusal(step: step, error: $0) }
        }
        return refusals.isEmpty ? .committed : .refused(refusals)
    }
}

extension RawSpan {
    /// Hands the attributes after `struct nfgenmsg` to a closure.
    func forEachAttribute<A: RawRepresentable<UInt32>>(
        _ body: (_ type: A, _ payload: RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        try AttributeReader.forEach(in: self, after: MemoryLayout<nfgenmsg>.size) {
            (type, value) throws(NetlinkError) in
            if let type = A(rawValue: UInt32(type)) { try body(type, value) }
        }
    }

    /// Hands the attributes of a nest to a closure.
    func forEachNested<A: RawRepresentable<UInt32>>(
        _ body: (_ type: A, _ payload: RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        try AttributeReader.forEach(in: self) { (type, value) throws(NetlinkError) in
            if let type = A(rawValue: UInt32(type)) { try body(type, value) }
        }
    }
}
