// swift-cni, SPDX-License-Identifier: Apache-2.0

import CMnl
import Glibc

/// A message as libmnl sees it: header fields, the fixed structure's bytes, attributes.
///
/// Nothing in here uses our own reader or writer.
struct WitnessedMessage {
    let type: Int
    let flags: UInt16
    let fixed: [UInt8]
    let attributes: WitnessedAttributes

    /// Takes the first message of some bytes apart; nil when libmnl finds no whole message.
    init?(_ bytes: [UInt8], fixedSize: Int) {
        guard let all = WitnessedMessage.all(in: bytes, fixedSize: fixedSize), let first = all.first, all.count == 1
        else {
            return nil
        }
        self = first
    }

    /// Takes apart all messages of a datagram; nil when libmnl objects to one.
    static func all(in bytes: [UInt8], fixedSize: Int) -> [WitnessedMessage]? {
        var messages: [WitnessedMessage] = []
        let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        defer { storage.deallocate() }
        storage.copyBytes(from: bytes)
        var left = Int32(bytes.count)
        var next = UnsafePointer(storage.baseAddress?.assumingMemoryBound(to: nlmsghdr.self))
        while left > 0, let header = next {
            guard mnl_nlmsg_ok(header, left) else { return nil }
            messages.append(WitnessedMessage(header, fixedSize: fixedSize))
            next = mnl_nlmsg_next(header, &left).map { UnsafePointer($0) }
        }
        return messages
    }

    private init(_ header: UnsafePointer<nlmsghdr>, fixedSize: Int) {
        type = Int(header.pointee.nlmsg_type)
        flags = header.pointee.nlmsg_flags
        let payload = UnsafeRawBufferPointer(
            start: mnl_nlmsg_get_payload(header),
            count: mnl_nlmsg_get_payload_len(header)
        )
        fixed = Array(payload.prefix(fixedSize))
        let rest = payload.dropFirst((fixedSize + 3) & ~3)
        attributes = WitnessedAttributes(UnsafeRawBufferPointer(rebasing: rest))
    }

    /// A little-endian integer of the fixed structure.
    func field<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as _: Value.Type = Value.self) -> Value {
        fixed.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
    }
}

/// Attributes as libmnl sees them.
struct WitnessedAttributes {
    /// Numbers and payloads in the order in which they are sent.
    let all: [(type: Int, payload: [UInt8], isMarkedNested: Bool)]

    init(_ bytes: UnsafeRawBufferPointer) {
        let list = WitnessList()
        _ = mnl_attr_parse_payload(
            bytes.baseAddress,
            bytes.count,
            collectAttribute,
            Unmanaged.passUnretained(list).toOpaque()
        )
        all = list.found
    }

    /// The payload of the attribute with a number; nil unless there is exactly one.
    subscript(type: Int) -> [UInt8]? {
        let matching = all.filter { $0.type == type }
        return matching.count == 1 ? matching[0].payload : nil
    }

    /// The attributes inside the attribute with a number.
    func nested(_ type: Int, after offset: Int = 0) -> WitnessedAttributes? {
        self[type].map { payload in
            payload.withUnsafeBytes { WitnessedAttributes(.init(rebasing: $0.dropFirst(offset))) }
        }
    }

    /// An integer in the host's order; nil when the width is another.
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Int, _: Value.Type) -> Value? {
        guard let payload = self[type], payload.count == MemoryLayout<Value>.size else { return nil }
        return payload.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    /// A string that ends with its NUL.
    func string(_ type: Int) -> String? {
        guard let payload = self[type], payload.last == 0 else { return nil }
        return String(decoding: payload.dropLast(), as: UTF8.self)
    }

    /// The numbers in order.
    var types: [Int] { all.map(\.type) }
}

/// Where libmnl's callback puts what it finds.
private final class WitnessList {
    var found: [(type: Int, payload: [UInt8], isMarkedNested: Bool)] = []
}

private func collectAttribute(_ attribute: UnsafePointer<nlattr>?, _ list: UnsafeMutableRawPointer?) -> Int32 {
    guard let attribute, let list else { return 0 }
    let payload = UnsafeRawBufferPointer(
        start: mnl_attr_get_payload(attribute),
        count: Int(mnl_attr_get_payload_len(attribute))
    )
    Unmanaged<WitnessList>.fromOpaque(list).takeUnretainedValue().found.append(
        (Int(mnl_attr_get_type(attribute)), Array(payload), attribute.pointee.nla_type & 0x8000 != 0)
    )
    return 1
}

/// A dump that libmnl makes over a socket of its own, in the calling thread's namespace.
func witnessDump(type: Int, header: [UInt8], fixedSize: Int) -> [WitnessedMessage]? {
    guard let socket = mnl_socket_open(NETLINK_ROUTE), mnl_socket_bind(socket, 0, 0) == 0 else { return nil }
    defer { mnl_socket_close(socket) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 8)
    defer { buffer.deallocate() }
    guard let message = mnl_nlmsg_put_header(buffer.baseAddress) else { return nil }
    message.pointee.nlmsg_type = UInt16(type)
    message.pointee.nlmsg_flags = UInt16(NLM_F_REQUEST | NLM_F_DUMP)
    message.pointee.nlmsg_seq = 1
    mnl_nlmsg_put_extra_header(message, header.count)?.copyMemory(from: header, byteCount: header.count)
    guard mnl_socket_sendto(socket, message, Int(message.pointee.nlmsg_len)) > 0 else { return nil }
    var messages: [WitnessedMessage] = []
    while true {
        let count = mnl_socket_recvfrom(socket, buffer.baseAddress, buffer.count)
        guard count > 0,
            let datagram = WitnessedMessage.all(in: Array(buffer.prefix(count)), fixedSize: fixedSize)
        else { return nil }
        for message in datagram {
            if message.type == NLMSG_DONE { return messages }
            if message.type == NLMSG_ERROR { return nil }
            messages.append(message)
        }
    }
}
