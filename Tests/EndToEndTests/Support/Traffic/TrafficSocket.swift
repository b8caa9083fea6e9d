// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem

/// A socket that never blocks and belongs to one namespace for ever, wherever it is used.
final class TrafficSocket: @unchecked Sendable {
    private let descriptor: OwnedFileDescriptor

    /// Opens a socket in a namespace and binds it.
    init(
        _ transport: Transport,
        boundTo endpoint: Endpoint,
        in namespace: borrowing NetworkNamespace
    ) throws {
        let family = endpoint.address.family
        descriptor = try namespace.run {
            Result { try Self.open(Int32(family.socketFamily), transport.socketType) }
        }.get()
        set(SOL_SOCKET, SO_REUSEADDR, 1)
        if family == .v6 { set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        // Closing forgets at once: no TIME_WAIT keeps a port, no last bytes linger.
        if transport == .tcp {
            var lingering = linger(l_onoff: 1, l_linger: 0)
            setsockopt(rawValue, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
        }
        // A process that another test starts has a copy of each socket until it executes its program, of closed ones, too.
        let deadline = Deadline.after(.seconds(5))
        var status = endpoint.withSocketAddress { bind(rawValue, $0, $1) }
        while status < 0, errno == EADDRINUSE, deadline.remainingNanoseconds > 0 {
            usleep(1_000)
            status = endpoint.withSocketAddress { bind(rawValue, $0, $1) }
        }
        try check("bind", on: "\(endpoint)", status)
    }

    /// Takes over a socket that `accept(2)` returned.
    private init(adopting rawValue: Int32) { descriptor = OwnedFileDescriptor(adopting: rawValue) }

    /// The descriptor's number.
    var rawValue: Int32 { descriptor.rawValue }

    /// The own address and port.
    var localEndpoint: Endpoint? { Endpoint { Int(getsockname(rawValue, $0, $1)) } }

    /// The other side's address and port, as they look from here.
    var peer: Endpoint? { Endpoint { Int(getpeername(rawValue, $0, $1)) } }

    /// Lets clients connect.
    func listen() throws { try check("listen", on: "", Glibc.listen(rawValue, 64)) }

    /// Begins to connect; says nothing about whether that will succeed.
    func connect(to endpoint: Endpoint) -> ErrorNumber? {
        let status = endpoint.withSocketAddress { Glibc.connect(rawValue, $0, $1) }
        return status == 0 || errno == EINPROGRESS ? nil : .current
    }

    /// The next connection; nil when none waits.
    func accept() -> TrafficSocket? {
        let accepted = Glibc.accept(rawValue, nil, nil)
        guard accepted >= 0 else { return nil }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        return TrafficSocket(adopting: accepted)
    }

    /// What has gone wrong with a connection; nil when nothing has.
    func takeError() -> ErrorNumber? {
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(rawValue, SOL_SOCKET, SO_ERROR, &error, &size)
        return error == 0 ? nil : ErrorNumber(rawValue: error)
    }

    /// Sends bytes to the other side, or to a given one.
    @discardableResult
    func send(_ bytes: [UInt8], to endpoint: Endpoint? = nil) -> ErrorNumber? {
        let flags = Int32(MSG_NOSIGNAL)
        let sent =
            if let endpoint {
                endpoint.withSocketAddress { sendto(rawValue, bytes, bytes.count, flags, $0, $1) }
            } else {
                Glibc.send(rawValue, bytes, bytes.count, flags)
            }
        return sent < 0 ? .current : nil
    }

    /// Takes what has arrived, and who sent it; nil when nothing has.
    func receive() -> (bytes: [UInt8], sender: Endpoint?)? {
        var bytes = [UInt8](repeating: 0, count: 2048)
        var received = 0
        let sender = Endpoint { address, length in
            received = recvfrom(rawValue, &bytes, bytes.count, 0, address, length)
            return received
        }
        return received > 0 ? (Array(bytes.prefix(received)), sender) : nil
    }

    /// Joins a multicast group where the routes of the socket's namespace lead to it.
    func join(_ group: IPAddress) throws {
        // struct ip_mreq, struct ipv6_mreq: the group, then no interface in particular.
        let request: [UInt8] = group.octets + [0, 0, 0, 0]
        let level = group.family == .v4 ? Int32(IPPROTO_IP) : Int32(IPPROTO_IPV6)
        let option = group.family == .v4 ? IP_ADD_MEMBERSHIP : IPV6_ADD_MEMBERSHIP
        try check("setsockopt", on: "\(group)", setsockopt(rawValue, level, option, request, socklen_t(request.count)))
    }

    /// Lets it send to broadcast addresses.
    func allowBroadcast() { set(SOL_SOCKET, SO_BROADCAST, 1) }

    /// Whether the other side has ended a TCP connection and nothing is left to read.
    var isAtEnd: Bool {
        var byte: UInt8 = 0
        return recv(rawValue, &byte, 1, Int32(MSG_PEEK)) == 0
    }

    /// Closes a TCP connection without telling the other side, as a machine that loses power does.
    func vanish() {
        // TCP_REPAIR of linux/tcp.h: close(2) sends nothing.
        set(Int32(IPPROTO_TCP), 19, 1)
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(rawValue, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func open(_ family: Int32, _ type: Int32) throws -> OwnedFileDescriptor {
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let opened = socket(family, type | flags, 0)
        guard opened >= 0 else { throw SystemCallError("socket", .current) }
        return OwnedFileDescriptor(adopting: opened)
    }

    private func check(_ call: String, on subject: String, _ status: Int32) throws {
        if status < 0 { throw SystemCallError(call, on: subject, .current) }
    }
}

/// What is waited for on several sockets at once.
enum Readiness {
    /// Waits until one of the sockets has something to read, or the writer can write.
    ///
    /// - Returns: Whether something happened before the deadline.
    static func wait(readers: [TrafficSocket], writer: TrafficSocket? = nil, until deadline: Deadline) -> Bool {
        var polled = readers.map { pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0) }
        if let writer { polled.append(pollfd(fd: writer.rawValue, events: Int16(POLLOUT), revents: 0)) }
        while true {
            let milliseconds = Int32(clamping: (deadline.remainingNanoseconds + 999_999) / 1_000_000)
            let ready = poll(&polled, nfds_t(polled.count), milliseconds)
            if ready >= 0 { return ready > 0 }
            if errno != EINTR { return false }
        }
    }
}
