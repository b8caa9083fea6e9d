// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting

/// A UDP socket that says from whom a datagram came.
final class Datagrams {
    private let descriptor: OwnedFileDescriptor
    private let family: AddressFamily

    /// Makes a socket with an address, any for nil, and a port that is free.
    init(
        _ family: AddressFamily,
        _ address: IPAddress? = nil,
        in namespace: borrowing NetworkNamespace
    ) throws {
        let number = try namespace.run {
            Glibc.socket(family == .v4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        }
        guard number >= 0 else { throw SystemCallError("socket", .current) }
        descriptor = OwnedFileDescriptor(adopting: number)
        self.family = family
        try (address ?? IPPrefix.everything(family).address).withSocketAddress(0) { pointer, length in
            guard Glibc.bind(number, pointer, length) == 0 else { throw SystemCallError("bind", .current) }
        }
    }

    /// Its port.
    var port: UInt16 {
        var storage = [UInt8](repeating: 0, count: 128)
        var length = socklen_t(storage.count)
        _ = storage.withUnsafeMutableBytes { buffer in
            getsockname(
                descriptor.rawValue,
                buffer.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                &length
            )
        }
        return UInt16(storage[2]) << 8 | UInt16(storage[3])
    }

    /// Sends a datagram.
    func send(to address: IPAddress, _ port: UInt16) throws {
        try address.withSocketAddress(port) { pointer, length in
            guard sendto(descriptor.rawValue, "x", 1, 0, pointer, length) == 1 else {
                throw SystemCallError("sendto", .current)
            }
        }
    }

    /// The sender of the next datagram; nil when none comes in time.
    func receive(within seconds: Int) throws -> IPAddress? {
        guard try Deadline.after(.seconds(seconds)).waitUntilReadable(descriptor.rawValue) else { return nil }
        return try takeOne()
    }

    /// The sender of a datagram that is there; nil when there is none.
    func takeOne() throws -> IPAddress? {
        var storage = [UInt8](repeating: 0, count: 128)
        var length = socklen_t(storage.count)
        var byte: UInt8 = 0
        let count = storage.withUnsafeMutableBytes { buffer in
            recvfrom(
                descriptor.rawValue,
                &byte,
                1,
                Int32(MSG_DONTWAIT),
                buffer.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                &length
            )
        }
        if count < 0 { return nil }
        let start = family == .v4 ? 4 : 8
        return IPAddress(octets: storage[start..<(start + (family == .v4 ? 4 : 16))])
    }

    /// Has datagrams to a group go out by an interface.
    func sendMulticast(by interface: String, in namespace: borrowing NetworkNamespace) throws {
        var index = try Self.index(of: interface, in: namespace)
        if family == .v4 {
            var request = ip_mreqn(imr_multiaddr: in_addr(), imr_address: in_addr(), imr_ifindex: index)
            try set(Int32(IPPROTO_IP), IP_MULTICAST_IF, &request, MemoryLayout<ip_mreqn>.size)
        } else {
            try set(Int32(IPPROTO_IPV6), IPV6_MULTICAST_IF, &index, MemoryLayout<Int32>.size)
        }
    }

    /// Receives what is sent to a group.
    func join(_ group: IPAddress, by interface: String, in namespace: borrowing NetworkNamespace) throws {
        let index = try Self.index(of: interface, in: namespace)
        // struct ip_mreqn: group, address, index; struct ipv6_mreq: group, index.
        var bytes = group.octets + (family == .v4 ? [0, 0, 0, 0] : [])
        bytes += withUnsafeBytes(of: index) { Array($0) }
        let (level, name) =
            family == .v4 ? (Int32(IPPROTO_IP), IP_ADD_MEMBERSHIP) : (Int32(IPPROTO_IPV6), IPV6_JOIN_GROUP)
        try set(level, name, &bytes, bytes.count)
    }

    private func set(_ level: Int32, _ name: Int32, _ value: UnsafeRawPointer, _ size: Int) throws {
        guard setsockopt(descriptor.rawValue, level, name, value, socklen_t(size)) == 0 else {
            throw SystemCallError("setsockopt", .current)
        }
    }

    private static func index(of interface: String, in namespace: borrowing NetworkNamespace) throws -> Int32 {
        Int32(try namespace.run { if_nametoindex(interface) })
    }
}
