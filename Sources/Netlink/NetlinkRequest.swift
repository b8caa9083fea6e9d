// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink

/// The flags of a netlink message.
public struct MessageFlags: OptionSet, Sendable {
    /// The bits of `nlmsg_flags`.
    public let rawValue: UInt16
    /// Creates flags from bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The corresponding C constant is `NLM_F_ACK`.
    public static var acknowledge: MessageFlags { MessageFlags(rawValue: 0x4) }
    /// The corresponding C constant is `NLM_F_ECHO`: the notification comes back to the sender, too.
    public static var echo: MessageFlags { MessageFlags(rawValue: 0x8) }
    /// The corresponding C constant is `NLM_F_DUMP`.
    public static var dump: MessageFlags { MessageFlags(rawValue: 0x300) }
    /// The corresponding C constant is `NLM_F_REPLACE`.
    public static var replace: MessageFlags { MessageFlags(rawValue: 0x100) }
    /// The corresponding C constant is `NLM_F_EXCL`.
    public static var exclusive: MessageFlags { MessageFlags(rawValue: 0x200) }
    /// The corresponding C constant is `NLM_F_CREATE`.
    public static var create: MessageFlags { MessageFlags(rawValue: 0x400) }
    /// The corresponding C constant is `NLM_F_APPEND`.
    public static var append: MessageFlags { MessageFlags(rawValue: 0x800) }
}

/// A complete message for the kernel, with what an error about it should say.
public struct NetlinkRequest: Hashable, Sendable {
    /// What it does, such as "add link cni0".
    public let operation: String
    /// What is known about the kernel's objections to it.
    public let purpose: RequestPurpose
    /// The message from its header on; the sequence number is written when it is sent.
    public private(set) var bytes: [UInt8]

    /// Builds a message.
    ///
    /// - Parameters:
    ///   - type: `nlmsg_type`, such as `RTM_NEWLINK`.
    ///   - capacity: How many bytes it is expected to need; it grows beyond.
    /// - Throws: ``NetlinkError/Code/invalidRequest`` when something cannot be written.
    public init(
        _ operation: String,
        purpose: RequestPurpose = .general,
        type: Int,
        flags: MessageFlags,
        capacity: Int = 512,
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) {
        let message = nlmsg_alloc_size(capacity)
        guard let message, nlmsg_put(message, 0, 0, Int32(type), 0, Int32(flags.rawValue)) != nil else {
            nlmsg_free(message)
            throw .invalid(operation, "no memory for a message")
        }
        try self.init(operation, purpose: purpose, adopting: message, flags: flags, body)
    }

    /// Takes over a `struct nl_msg` that libnl built, and frees it.
    package init(
        _ operation: String,
        purpose: RequestPurpose,
        adopting message: OpaquePointer,
        flags: MessageFlags,
        _ amendment: (inout AttributeWriter) -> Void = { _ in }
    ) throws(NetlinkError) {
        self.operation = operation
        self.purpose = purpose
        var writer = AttributeWriter(owning: message)
        amendment(&writer)
        if let fault = writer.fault { throw .invalid(operation, fault) }
        bytes = writer.bytes
        store(flags.rawValue | UInt16(NLM_F_REQUEST), at: 6)
    }

    /// The flags it is sent with.
    public var flags: MessageFlags {
        MessageFlags(rawValue: bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: 6, as: UInt16.self))
    }

    /// Has the kernel confirm it.
    mutating func acknowledge() { store(flags.union(.acknowledge).rawValue, at: 6) }

    mutating func prepare(sequence: UInt32, adding flags: MessageFlags) {
        store(self.flags.union(flags).rawValue, at: 6)
        store(sequence, at: 8)
    }

    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: Value.self) }
    }
}
