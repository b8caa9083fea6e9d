// swift-cni, SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A netlink request that failed: what was asked for, and what the kernel or the protocol had against it.
public struct NetlinkError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private enum Kind {
            case refused, socket, truncated, malformed, wrongSequence, interrupted, overflow, request, unavailable
        }
        private let kind: Kind
        private init(_ kind: Kind) { self.kind = kind }

        /// The kernel answered the request with an error number.
        public static var refused: Code { Code(.refused) }
        /// A system call on the socket failed.
        public static var socketFailed: Code { Code(.socket) }
        /// A message is longer than what was received of it.
        public static var truncated: Code { Code(.truncated) }
        /// A message or attribute has a length or content that cannot be.
        public static var malformed: Code { Code(.malformed) }
        /// A message answers a request that this socket did not send, or comes from another process.
        public static var wrongSequence: Code { Code(.wrongSequence) }
        /// A dump was interrupted by changes each time it was tried (`NLM_F_DUMP_INTR`).
        public static var interrupted: Code { Code(.interrupted) }
        /// The kernel dropped messages because the receive buffer was full (`ENOBUFS`).
        public static var messagesLost: Code { Code(.overflow) }
        /// The request cannot be expressed in a message; nothing was sent.
        public static var invalidRequest: Code { Code(.request) }
        /// The kernel has no such subsystem, and no module for it could be loaded.
        public static var unavailable: Code { Code(.unavailable) }
    }

    /// What kind of failure it is.
    public let code: Code
    /// What was being done, such as "add link cni0".
    public let operation: String
    /// What the kernel said: `nlmsgerr.error`, or `errno` of the socket's call; `EBADMSG` for a fault in the protocol.
    public let number: ErrorNumber
    /// The sentence the kernel sent along (`NLMSGERR_ATTR_MSG`), "" if none.
    public let kernelMessage: String
    /// Where in the request the attribute is that the kernel objects to (`NLMSGERR_ATTR_OFFS`), in bytes.
    public let attributeOffset: Int?
    /// What is wrong with a message, or what can be done about the failure; "" if there is nothing to add.
    public let detail: String

    /// Creates an error.
    public init(
        _ code: Code,
        operation: String,
        number: ErrorNumber,
        kernelMessage: String = "",
        attributeOffset: Int? = nil,
        detail: String = ""
    ) {
        self.code = code
        self.operation = operation
        self.number = number
        self.kernelMessage = kernelMessage
        self.attributeOffset = attributeOffset
        self.detail = detail
    }

    /// The same failure of an operation that is described otherwise.
    public func describing(_ operation: String) -> NetlinkError {
        NetlinkError(
            code,
            operation: operation,
            number: number,
            kernelMessage: kernelMessage,
            attributeOffset: attributeOffset,
            detail: detail
        )
    }
}

extension NetlinkError: CustomStringConvertible {
    /// One clause, such as "add address 10.1.0.1/24 to cni0: EEXIST (File exists): Address already assigned".
    public var description: String {
        var text = operation.isEmpty ? "\(number)" : "\(operation): \(number)"
        if !kernelMessage.isEmpty { text += ": \(kernelMessage)" }
        if !detail.isEmpty { text += "; \(detail)" }
        return text
    }
}
