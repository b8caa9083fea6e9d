// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem

/// Sends and receives whole Ethernet frames at an interface (packet(7)).
final class FrameSocket {
    private let descriptor: OwnedFileDescriptor
    private let address: [UInt8]

    /// Opens a socket at an interface of a namespace for frames of one type, 0x0003 for all.
    init(_ interface: String, type: UInt16, in namespace: borrowing NetworkNamespace) throws {
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let (opened, index) = try namespace.run {
            (socket(AF_PACKET, Int32(SOCK_RAW.rawValue) | flags, Int32(type.bigEndian)), if_nametoindex(interface))
        }
        guard opened >= 0 else { throw SystemCallError("socket", on: "packet", .current) }
        descriptor = OwnedFileDescriptor(adopting: opened)
        // struct sockaddr_ll: family, protocol, index; the rest says nothing about an interface to be bound to.
        address =
            withUnsafeBytes(of: sa_family_t(AF_PACKET)) { Array($0) }
            + withUnsafeBytes(of: type.bigEndian) { Array($0) }
            + withUnsafeBytes(of: index) { Array($0) } + Array(repeating: 0, count: 12)
        let status = address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(opened, $0.baseAddress, socklen_t(bytes.count)) }
        }
        guard status == 0 else { throw SystemCallError("bind", on: interface, .current) }
    }

    /// Sends a frame.
    func send(_ frame: Frame) throws {
        let bytes = frame.bytes
        guard Glibc.send(descriptor.rawValue, bytes, bytes.count, 0) == bytes.count else {
            throw SystemCallError("send", on: "\(frame)", .current)
        }
    }

    /// The next frame; nil when none comes in time.
    func receive(within patience: Duration) throws -> Frame? {
        guard try Deadline.after(patience).waitUntilReadable(descriptor.rawValue) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = recv(descriptor.rawValue, &bytes, bytes.count, 0)
        return count < 0 ? nil : Frame(bytes.prefix(count))
    }
}

/// An Ethernet frame.
struct Frame: Hashable, CustomStringConvertible {
    /// Whom it is for.
    var destination: MACAddress
    /// Whom it claims to come from.
    var source: MACAddress
    /// What it carries.
    var type: UInt16
    /// What follows the header.
    var payload: [UInt8]

    /// A frame of a type that is free for experiments (IEEE 802, "local experimental").
    init(from source: MACAddress, to destination: MACAddress, type: UInt16 = 0x88b5, _ text: String) {
        self.source = source
        self.destination = destination
        self.type = type
        payload = Array(text.utf8) + Array(repeating: 0, count: max(0, 46 - text.utf8.count))
    }

    /// Reads what was received.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count >= 14, let destination = MACAddress(octets: bytes.prefix(6)),
            let source = MACAddress(octets: bytes.dropFirst(6).prefix(6))
        else { return nil }
        self.destination = destination
        self.source = source
        type = bytes.dropFirst(12).prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
        payload = Array(bytes.dropFirst(14))
    }

    /// What is sent.
    var bytes: [UInt8] {
        destination.octets + source.octets + [UInt8(type >> 8), UInt8(truncatingIfNeeded: type)] + payload
    }

    /// The text it carries.
    var text: String { String(decoding: payload.prefix { $0 != 0 }, as: UTF8.self) }

    /// Such as `"hello" from 02:00:00:00:00:01`.
    var description: String { "\"\(text)\" from \(source)" }
}
