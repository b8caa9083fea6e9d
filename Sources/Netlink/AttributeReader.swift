// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Reads attributes and fixed structures out of bytes that the kernel sent.
///
/// Every length is checked before it is used. A sequence of attributes is read by handing each, known or not, to a
/// closure; nothing is skipped on the way.
public struct AttributeReader: Sendable {
    /// Hands each attribute to a closure: its number without the flag bits, and its payload.
    ///
    /// - Parameter offset: Where the attributes start: the size of the fixed structure before them.
    /// - Throws: ``NetlinkError/Code/malformed`` for a length below 4 or past the end, and what the closure throws.
    public static func forEach(
        in bytes: borrowing RawSpan,
        after offset: Int = 0,
        _ body: (_ type: Int, _ payload: RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        guard offset <= bytes.byteCount else {
            throw .malformed("a message of \(bytes.byteCount) bytes where its header alone has \(offset)")
        }
        var position = offset
        // Fewer than four bytes at the end are padding.
        while bytes.byteCount - position >= 4 {
            let length = Int(bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt16.self))
            // The two highest bits are flags: NLA_F_NESTED, NLA_F_NET_BYTEORDER.
            let type = Int(bytes.unsafeLoadUnaligned(fromByteOffset: position + 2, as: UInt16.self) & 0x3fff)
            guard length >= 4, length <= bytes.byteCount - position else {
                throw .malformed(
                    "attribute \(type) at byte \(position) has length \(length), \(bytes.byteCount - position) are left"
                )
            }
            try body(type, bytes.extracting((position + 4)..<(position + length)))
            position += (length + 3) & ~3
        }
    }
}

extension RawSpan {
    /// An integer in the host's byte order that fills the span.
    public func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type = Value.self
    ) throws(NetlinkError) -> Value {
        guard byteCount == MemoryLayout<Value>.size else {
            throw .malformed("an integer of \(byteCount) bytes where \(MemoryLayout<Value>.size) belong")
        }
        return unsafeLoadUnaligned(as: Value.self)
    }

    /// An integer in network byte order that fills the span.
    public func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type = Value.self
    ) throws(NetlinkError) -> Value {
        Value(bigEndian: try integer(Value.self))
    }

    /// An integer of a fixed structure.
    public func field<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int,
        _: Value.Type = Value.self
    ) throws(NetlinkError) -> Value {
        guard offset >= 0, byteCount - offset >= MemoryLayout<Value>.size else {
            throw .malformed("a message of \(byteCount) bytes without its field at \(offset)")
        }
        return unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    /// A string up to its NUL, or to the end where the NUL is missing.
    public var string: String { String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self) }

    /// The bytes, copied.
    public var octets: [UInt8] { withUnsafeBytes { Array($0) } }
}

/// An attribute that this version does not interpret.
public struct UnknownAttribute: Hashable, Sendable {
    /// The number in its family, without flags.
    public let type: Int
    /// The bytes after the attribute's header.
    public let payload: [UInt8]

    /// Creates an attribute.
    public init(type: Int, payload: [UInt8]) {
        self.type = type
        self.payload = payload
    }
}
