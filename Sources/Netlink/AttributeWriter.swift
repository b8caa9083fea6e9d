// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink

/// Writes a message's fixed header and attributes through libnl, which computes lengths and padding.
///
/// The message grows as needed. What cannot be written (an attribute of 64 KiB, a string with a NUL) is noted, and the
/// request that is being built fails with it.
public struct AttributeWriter: ~Copyable {
    private let message: OpaquePointer
    private(set) var fault: String?

    init(owning message: OpaquePointer) { self.message = message }

    deinit { nlmsg_free(message) }

    /// The whole message so far, netlink header included.
    var bytes: [UInt8] {
        let header = nlmsg_hdr(message)
        guard let header else { return [] }
        return Array(UnsafeRawBufferPointer(start: header, count: Int(header.pointee.nlmsg_len)))
    }

    /// Appends a fixed structure such as `struct ifinfomsg`, padded to four bytes.
    public mutating func append<Header: BitwiseCopyable>(header: Header) {
        makeRoom(MemoryLayout<Header>.size)
        var header = header
        note(nlmsg_append(message, &header, MemoryLayout<Header>.size, Int32(NLMSG_ALIGNTO)))
    }

    /// Puts an integer in the host's byte order.
    public mutating func put<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Int, _ value: Value) {
        makeRoom(MemoryLayout<Value>.size)
        var value = value
        note(nla_put(message, Int32(type), Int32(MemoryLayout<Value>.size), &value))
    }

    /// Puts an integer in network byte order.
    public mutating func put<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Int, bigEndian value: Value) {
        put(type, value.bigEndian)
    }

    /// Puts a string with the NUL that ends it.
    public mutating func put(_ type: Int, string: String) {
        if string.utf8.contains(0) { fault = "a string holds a NUL" }
        makeRoom(string.utf8.count + 1)
        note(nla_put_string(message, Int32(type), string))
    }

    /// Puts bytes as they are, such as an address in network order.
    public mutating func put(_ type: Int, bytes: [UInt8]) {
        guard bytes.count < 65_532 else {
            fault = "an attribute of \(bytes.count) bytes; 65531 are possible"
            return
        }
        makeRoom(bytes.count)
        note(bytes.withUnsafeBytes { nla_put(message, Int32(type), Int32($0.count), $0.baseAddress) })
    }

    /// Puts an attribute whose presence is its value.
    public mutating func putFlag(_ type: Int) {
        makeRoom(0)
        note(nla_put_flag(message, Int32(type)))
    }

    /// Puts attributes inside an attribute, marked with `NLA_F_NESTED`; an empty nest stays.
    public mutating func nest(_ type: Int, _ body: (inout AttributeWriter) -> Void) {
        makeRoom(0)
        guard let start = nla_nest_start(message, Int32(type) | nestedFlag), let header = nlmsg_hdr(message) else {
            fault = "no memory for a message"
            return
        }
        // Kept as an offset: the message may move while the body makes it grow.
        let offset = UnsafeRawPointer(start) - UnsafeRawPointer(header)
        body(&self)
        guard let moved = nlmsg_hdr(message) else { return }
        let length = Int(moved.pointee.nlmsg_len) - offset
        guard length <= Int(UInt16.max) else {
            fault = "a nested attribute of \(length) bytes; 65535 are possible"
            return
        }
        let attribute = (UnsafeMutableRawPointer(moved) + offset).assumingMemoryBound(to: nlattr.self)
        note(nla_nest_end_keep_empty(message, attribute))
    }

    /// Changes a byte of the message that libnl has no setter for; the offset counts from the netlink header's end.
    package mutating func patch(headerByte offset: Int, to value: UInt8) {
        guard let header = nlmsg_hdr(message), offset < nlmsg_datalen(header), let data = nlmsg_data(header) else {
            fault = "no byte \(offset) in the message"
            return
        }
        data.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }

    private mutating func note(_ result: Int32) {
        if result < 0, fault == nil { fault = String(cString: nl_geterror(result)) }
    }

    /// Makes room for one attribute with this many bytes of payload.
    private mutating func makeRoom(_ payload: Int) {
        guard let header = nlmsg_hdr(message) else { return }
        let needed = Int(header.pointee.nlmsg_len) + payload + 16
        let size = nlmsg_get_max_size(message)
        if needed > size { note(nlmsg_expand(message, max(needed, 2 * size))) }
    }
}

/// The corresponding C constant, `NLA_F_NESTED`, is an expression that is not imported.
private let nestedFlag: Int32 = 1 << 15
