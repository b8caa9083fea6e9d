// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting

/// A UDP or TCP socket of a namespace.
struct PacketSocket: ~Copyable {
    private let descriptor: OwnedFileDescriptor

    private init(_ kind: __socket_type, _ family: AddressFamily, in namespace: borrowing NetworkNamespace) throws {
        let number = try namespace.run { Glibc.socket(family == .v4 ? AF_INET : AF_INET6, Int32(kind.rawValue), 0) }
        guard number >= 0 else { throw SystemCallError("socket", .current) }
        descriptor = OwnedFileDescriptor(adopting: number)
        // A test that waits for what never comes ends.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    private init(adopting number: Int32) { descriptor = OwnedFileDescriptor(adopting: number) }

    /// A UDP socket with a port.
    static func udp(
        _ family: AddressFamily,
        port: UInt16 = 0,
        in namespace: borrowing NetworkNamespace
    ) throws -> PacketSocket {
        let socket = try PacketSocket(SOCK_DGRAM, family, in: namespace)
        try socket.bind(family, port)
        return socket
    }

    /// A TCP socket that accepts connections.
    static func listener(
        _ family: AddressFamily,
        port: UInt16,
        in namespace: borrowing NetworkNamespace
    ) throws -> PacketSocket {
        let socket = try PacketSocket(SOCK_STREAM, family, in: namespace)
        try socket.bind(family, port)
        guard listen(socket.descriptor.rawValue, 4) == 0 else { throw SystemCallError("listen", .current) }
        return socket
    }

    /// A TCP connection to an address.
    static func connection(
        to address: IPAddress,
        _ port: UInt16,
        in namespace: borrowing NetworkNamespace
    ) throws -> PacketSocket {
        let socket = try PacketSocket(SOCK_STREAM, address.family, in: namespace)
        try address.withSocketAddress(port) { pointer, length in
            guard connect(socket.descriptor.rawValue, pointer, length) == 0 else {
                throw SystemCallError("connect", .current)
            }
        }
        return socket
    }

    /// The next connection that a listener was asked for.
    func accept() throws -> PacketSocket {
        let number = Glibc.accept(descriptor.rawValue, nil, nil)
        guard number >= 0 else { throw SystemCallError("accept", .current) }
        return PacketSocket(adopting: number)
    }

    /// Sends a datagram; what is known of earlier ones' fate is ignored.
    func send(_ text: String, to address: IPAddress, _ port: UInt16) throws {
        try address.withSocketAddress(port) { pointer, length in
            let bytes = Array(text.utf8)
            guard sendto(descriptor.rawValue, bytes, bytes.count, 0, pointer, length) == bytes.count else {
                throw SystemCallError("sendto", .current)
            }
        }
    }

    /// Sends over a connection.
    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.send(descriptor.rawValue, bytes, bytes.count, 0) == bytes.count else {
            throw SystemCallError("send", .current)
        }
    }

    /// Waits for a datagram or for data.
    func receive() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor.rawValue, &buffer, buffer.count, 0)
        guard count >= 0 else { throw SystemCallError("recv", .current) }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    private func bind(_ family: AddressFamily, _ port: UInt16) throws {
        let any = IPPrefix.everything(family).address
        try any.withSocketAddress(port) { pointer, length in
            guard Glibc.bind(descriptor.rawValue, pointer, length) == 0 else { throw SystemCallError("bind", .current) }
        }
    }
}
