// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import LinuxSystem

/// Finds out from received bytes how the requests of one write ended.
///
/// It knows nothing of sockets, so that every fault of the protocol can be played to it.
struct ReplyCollector {
    /// What ends the wait.
    enum Completion {
        /// An acknowledgement or error for each request.
        case acknowledgements
        /// The first message, or an error: a look-up that asked for no acknowledgement.
        case singleReply
        /// `NLMSG_DONE`, or an error.
        case dump
        /// The answer to the last request but one, which stands before the batch's end, or an error about the first,
        /// which is its beginning: then nothing else comes.
        case batch
        /// The answer to the last request, which alone asked for one; errors of others come before it.
        case last
    }

    private let requests: [NetlinkRequest]
    private let firstSequence: UInt32
    private let port: UInt32
    private let completion: Completion
    private var isAnswered: [Bool]
    private var waiting: Int

    /// The kernel's refusal of each request, nil for those that it did.
    private(set) var outcomes: [NetlinkError?]
    /// Whether the state changed while it was dumped, so that entries may be missing or doubled.
    private(set) var isInterrupted = false
    /// The first complaint of the closure that reads messages; later messages are not handed to it.
    private(set) var readingFault: NetlinkError?

    /// Expects answers to requests that were numbered from `firstSequence` on.
    ///
    /// - Parameter port: The socket's own port id, to which the kernel addresses answers.
    init(requests: [NetlinkRequest], firstSequence: UInt32, port: UInt32, completion: Completion) {
        self.requests = requests
        self.firstSequence = firstSequence
        self.port = port
        self.completion = completion
        isAnswered = Array(repeating: false, count: requests.count)
        outcomes = Array(repeating: nil, count: requests.count)
        waiting = requests.count
    }

    /// Whether all answers are there.
    var isComplete: Bool { waiting == 0 }

    /// Reads one datagram.
    ///
    /// - Parameter body: Gets the messages that carry data: `nlmsg_type` and what follows the header.
    /// - Throws: A fault of the protocol, after which the socket is of no use.
    mutating func read(
        _ datagram: borrowing RawSpan,
        _ body: (_ type: Int, _ payload: RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        try MessageReader.forEach(in: datagram) { (header, payload) throws(NetlinkError) in
            guard header.type != NLMSG_NOOP else { return }
            guard header.type != NLMSG_OVERRUN else {
                throw .socketFailed(requests.first?.operation ?? "", .noBufferSpace)
            }
            // What an exchange that failed half-way left unread is an answer to nobody.
            let distance = Int32(bitPattern: header.sequence &- firstSequence)
            if distance < 0, header.port == port { return }
            let index = Int(distance)
            guard index >= 0, index < requests.count, header.port == port else {
                throw fault(
                    .wrongSequence,
                    "an answer to message \(header.sequence) of port \(header.port), expected were messages "
                        + "\(firstSequence) to \(firstSequence &+ UInt32(requests.count) &- 1) of port \(port)"
                )
            }
            if header.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isInterrupted = true }
            switch Int32(header.type) {
            case NLMSG_ERROR: try finish(index, header, payload)
            case NLMSG_DONE:
                // Before Linux 2.6.24, and from some families still, it carries no error number.
                if payload.byteCount >= 4 { try finish(index, header, payload) } else { markAnswered(index) }
            default:
                if readingFault == nil {
                    do throws(NetlinkError) {
                        try body(header.type, payload)
                    } catch {
                        readingFault = error.describing(requests[index].operation)
                    }
                }
                if completion == .singleReply { markAnswered(index) }
            }
        }
    }

    private func fault(_ code: NetlinkError.Code, _ detail: String) -> NetlinkError {
        NetlinkError(code, operation: requests.first?.operation ?? "", number: .badMessage, detail: detail)
    }

    private mutating func markAnswered(_ index: Int) {
        guard !isAnswered[index] else { return }
        isAnswered[index] = true
        waiting -= 1
        if completion == .last, index == requests.count - 1 { waiting = 0 }
        if completion == .batch, index == 0 || index == requests.count - 2 { waiting = 0 }
    }

    /// Reads `struct nlmsgerr`, or the number in an `NLMSG_DONE`, and the extended acknowledgement behind it.
    private mutating func finish(
        _ index: Int,
        _ header: MessageHeader,
        _ payload: borrowing RawSpan
    ) throws(NetlinkError) {
        let error = try payload.field(at: 0, Int32.self)
        if error != 0 {
            var message = ""
            var offset: Int?
            if header.flags & UInt16(NLM_F_ACK_TLVS) != 0 {
                var start = 4
                if header.type == NLMSG_ERROR {
                    // The refused message follows, only its header when the answer is capped.
                    let isCapped = header.flags & UInt16(NLM_F_CAPPED) != 0
                    start += isCapped ? 16 : (Int(try payload.field(at: 4, UInt32.self)) + 3) & ~3
                }
                try AttributeReader.forEach(in: payload, after: start) { (type, value) throws(NetlinkError) in
                    switch UInt32(type) {
                    case NLMSGERR_ATTR_MSG.rawValue: message = value.string
                    case NLMSGERR_ATTR_OFFS.rawValue: offset = Int(try value.integer(UInt32.self))
                    default: break
                    }
                }
            }
            outcomes[index] = .refused(
                requests[index].operation,
                purpose: requests[index].purpose,
                number: ErrorNumber(rawValue: error == .min ? .max : abs(error)),
                kernelMessage: message,
                attributeOffset: offset
            )
        }
        markAnswered(index)
    }
}

/// The fields of `struct nlmsghdr` that a reader needs.
package struct MessageHeader: Hashable, Sendable {
    package let type: Int
    package let flags: UInt16
    package let sequence: UInt32
    package let port: UInt32
}

/// Takes a datagram apart into messages.
package enum MessageReader {
    /// Hands each message to a closure: its header, and what follows it.
    ///
    /// - Throws: ``NetlinkError/Code/truncated`` for a message that is longer than what is left of the datagram.
    package static func forEach(
        in datagram: borrowing RawSpan,
        _ body: (_ header: MessageHeader, _ payload: RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        var position = 0
        while position < datagram.byteCount {
            let left = datagram.byteCount - position
            guard left >= 16 else { throw truncated("\(left) bytes where a message header has 16") }
            let length = Int(try datagram.field(at: position, UInt32.self))
            guard length >= 16 else { throw .malformed("a message of \(length) bytes, its header alone has 16") }
            guard length <= left else { throw truncated("a message of \(length) bytes, \(left) of them received") }
            let header = MessageHeader(
                type: Int(try datagram.field(at: position + 4, UInt16.self)),
                flags: try datagram.field(at: position + 6),
                sequence: try datagram.field(at: position + 8),
                port: try datagram.field(at: position + 12)
            )
            try body(header, datagram.extracting((position + 16)..<(position + length)))
            position += (length + 3) & ~3
        }
    }

    private static func truncated(_ detail: String) -> NetlinkError {
        NetlinkError(.truncated, operation: "read netlink messages", number: .badMessage, detail: detail)
    }
}
