// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import LinuxSystem

extension NetlinkSocket {
    /// How often a dump that changes interrupt is tried.
    private static var dumpAttempts: Int { 32 }
    /// So many acknowledgements at a time fit into the receive buffer that libnl sets; more would be lost (`ENOBUFS`).
    private static var batchLimit: Int { 32 }
    /// So many bytes at a time fit into the send buffer that libnl sets.
    private static var batchBytes: Int { 16_384 }

    /// Sends a request and waits until the kernel has done it.
    ///
    /// - Parameter body: Gets what the kernel sends before its acknowledgement (`NLM_F_ECHO`): `nlmsg_type` and what
    ///   follows the header.
    /// - Throws: The kernel's refusal.
    public borrowing func perform(
        _ request: NetlinkRequest,
        _ body: (_ type: Int, _ payload: RawSpan) throws(NetlinkError) -> Void = { _, _ in }
    ) throws(NetlinkError) {
        let collector = try exchange([request], .acknowledgements, adding: .acknowledge, body)
        if let error = collector.outcomes.first ?? nil { throw error }
    }

    /// Sends requests with one write (several for very many) and waits until the kernel has answered each.
    ///
    /// The kernel carries them out in order, and goes on after one that it refuses.
    ///
    /// - Returns: The refusal of each request, nil for those that were done.
    /// - Throws: Only what concerns the socket or the protocol as a whole.
    public borrowing func perform(_ requests: [NetlinkRequest]) throws(NetlinkError) -> [NetlinkError?] {
        var outcomes: [NetlinkError?] = []
        var batch: [NetlinkRequest] = []
        var byteCount = 0
        for request in requests {
            if batch.count == NetlinkSocket.batchLimit || byteCount + request.bytes.count > NetlinkSocket.batchBytes,
                !batch.isEmpty
            {
                outcomes += try exchange(batch, .acknowledgements, adding: .acknowledge) { _, _ in }.outcomes
                batch.removeAll(keepingCapacity: true)
                byteCount = 0
            }
            batch.append(request)
            byteCount += request.bytes.count
        }
        if !batch.isEmpty {
            outcomes += try exchange(batch, .acknowledgements, adding: .acknowledge) { _, _ in }.outcomes
        }
        return outcomes
    }

    /// Sends requests between a first and a last message as one batch, which the kernel carries out whole or not at all.
    ///
    /// Only the last request is acknowledged, so that thousands of them need no large receive buffer; errors come
    /// anyway. The send buffer is raised as needed: the kernel joins no two writes to a batch.
    ///
    /// - Returns: The refusal of the batch as a whole, or else of each request, nil for those that were accepted.
    package borrowing func performBatch(
        begin: NetlinkRequest,
        _ requests: [NetlinkRequest],
        end: NetlinkRequest
    ) throws(NetlinkError) -> (begin: NetlinkError?, outcomes: [NetlinkError?]) {
        var batch = [begin] + requests + [end]
        batch[requests.count].acknowledge()
        let byteCount = batch.reduce(0) { $0 + $1.bytes.count }
        if byteCount > NetlinkSocket.batchBytes || requests.count > NetlinkSocket.batchLimit {
            // Room for what the kernel accounts on top of the bytes, and for an error for each request.
            try setBuffers(receive: Int32(clamping: 1024 * batch.count), send: Int32(clamping: 2 * byteCount + 65_536))
        }
        let collector = try exchange(batch, .batch, adding: []) { _, _ in }
        return (collector.outcomes[0], Array(collector.outcomes.dropFirst().dropLast()))
    }

    /// Asks for one thing, which the kernel answers with one message.
    ///
    /// - Throws: The kernel's refusal, such as `ENODEV` where there is no such thing.
    public borrowing func query(
        _ request: NetlinkRequest,
        _ body: (_ type: Int, _ payload: RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        let collector = try exchange([request], .singleReply, adding: [], body)
        if let error = collector.outcomes.first ?? nil { throw error }
    }

    /// Asks for all things of a kind; a dump that changes interrupted is repeated.
    ///
    /// - Parameter decode: Makes an element of a message, or nil for one that is not wanted.
    /// - Throws: The kernel's refusal; ``NetlinkError/Code/interrupted`` when no attempt came through whole.
    public borrowing func dump<Element>(
        _ request: NetlinkRequest,
        _ decode: (_ type: Int, _ payload: RawSpan) throws(NetlinkError) -> Element?
    ) throws(NetlinkError) -> [Element] {
        for _ in 0..<NetlinkSocket.dumpAttempts {
            var elements: [Element] = []
            let collector = try exchange([request], .dump, adding: .dump) { (type, payload) throws(NetlinkError) in
                if let element = try decode(type, payload) { elements.append(element) }
            }
            if let error = collector.outcomes.first ?? nil { throw error }
            if !collector.isInterrupted { return elements }
        }
        throw NetlinkError(
            .interrupted,
            operation: request.operation,
            number: .interrupted,
            detail: "changed while it was read, \(NetlinkSocket.dumpAttempts) times in a row"
        )
    }

    /// One write, and reads until everything is answered.
    borrowing func exchange(
        _ requests: [NetlinkRequest],
        _ completion: ReplyCollector.Completion,
        adding flags: MessageFlags,
        _ body: (_ type: Int, _ payload: RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> ReplyCollector {
        let first = try send(requests, adding: flags)
        var collector = ReplyCollector(requests: requests, firstSequence: first, port: port, completion: completion)
        while !collector.isComplete {
            try receive(requests.first?.operation ?? "") { (datagram) throws(NetlinkError) in
                try collector.read(datagram, body)
            }
        }
        // Only now: what is left unread would be taken for the answer to the next request.
        if let fault = collector.readingFault { throw fault }
        return collector
    }
}
