// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import Glibc
public import LinuxSystem

/// The kernel subsystems that are spoken to over netlink.
public struct NetlinkProtocol: RawRepresentable, Hashable, Sendable {
    /// The third argument of `socket(2)`.
    public let rawValue: Int32
    /// Names a protocol by its number.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The corresponding C constant is `NETLINK_ROUTE`.
    public static var route: NetlinkProtocol { NetlinkProtocol(rawValue: NETLINK_ROUTE) }
    /// The corresponding C constant is `NETLINK_NETFILTER`.
    public static var netfilter: NetlinkProtocol { NetlinkProtocol(rawValue: NETLINK_NETFILTER) }
    /// The corresponding C constant is `NETLINK_GENERIC`.
    public static var generic: NetlinkProtocol { NetlinkProtocol(rawValue: NETLINK_GENERIC) }
}

/// A netlink socket.
///
/// It stays in the namespace in which it was opened, and is used from anywhere. The kernel answers within the call that sends, so requests need no time limit.
public struct NetlinkSocket: ~Copyable {
    private let socket: OpaquePointer

    private init(owning socket: OpaquePointer) { self.socket = socket }

    deinit { nl_socket_free(socket) }

    /// Opens a socket in the calling thread's namespace.
    public static func open(_ protocol: NetlinkProtocol) throws(NetlinkError) -> NetlinkSocket {
        let opened = try NetlinkSocket(owning: allocate())
        try opened.connected(opened.connect(`protocol`))
        return opened
    }

    /// Opens a socket in another namespace; nothing else runs there.
    public static func open(
        _ protocol: NetlinkProtocol,
        in namespace: borrowing NetworkNamespace
    ) throws(NetlinkError) -> NetlinkSocket {
        let opened = try NetlinkSocket(owning: allocate())
        let socket = opened.socket
        let result: ErrorNumber?
        do { result = try namespace.run { NetlinkSocket.connect(socket, `protocol`) } } catch {
            throw .systemCall("open a netlink socket in another namespace", error)
        }
        try opened.connected(result)
        return opened
    }

    private static func allocate() throws(NetlinkError) -> OpaquePointer {
        guard let socket = nl_socket_alloc() else { throw .socketFailed("open a netlink socket", .current) }
        return socket
    }

    private borrowing func connect(_ protocol: NetlinkProtocol) -> ErrorNumber? {
        NetlinkSocket.connect(socket, `protocol`)
    }

    /// What `errno` was when it failed; libnl's own codes merge several numbers.
    private static func connect(_ socket: OpaquePointer, _ protocol: NetlinkProtocol) -> ErrorNumber? {
        nl_connect(socket, `protocol`.rawValue) < 0 ? .current : nil
    }

    private borrowing func connected(_ failure: ErrorNumber?) throws(NetlinkError) {
        if let failure { throw .socketFailed("open a netlink socket", failure) }
        // Peeking would double the number of receive calls; the kernel's dumps fill up to 32 KiB.
        nl_socket_disable_msg_peek(socket)
        nl_socket_set_msg_buf_size(socket, 32_768)
        try setOption(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        // The refused request is not sent back along with the error.
        try setOption(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        // Linux 4.20: dumps are filtered by the kernel; an older one answers with everything, which is filtered again.
        _ = option(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    }

    // MARK: Options

    /// The descriptor, for `poll(2)`.
    public var rawDescriptor: Int32 { nl_socket_get_fd(socket) }

    /// The port id that the kernel knows the socket by.
    package var port: UInt32 { nl_socket_get_local_port(socket) }

    /// Joins a multicast group, such as `RTNLGRP_LINK`.
    public borrowing func join(group: Int32) throws(NetlinkError) {
        try setOption(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    }

    /// Sets how many bytes the kernel holds for this socket in each direction.
    ///
    /// As root the system's limit is passed over (`SO_RCVBUFFORCE`); else it applies.
    public borrowing func setBuffers(receive: Int32? = nil, send: Int32? = nil) throws(NetlinkError) {
        if let receive, option(SOL_SOCKET, SO_RCVBUFFORCE, receive) != 0 {
            try setOption(SOL_SOCKET, SO_RCVBUF, receive)
        }
        if let send, option(SOL_SOCKET, SO_SNDBUFFORCE, send) != 0 { try setOption(SOL_SOCKET, SO_SNDBUF, send) }
    }

    private borrowing func option(_ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        var value = value
        return setsockopt(rawDescriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private borrowing func setOption(_ level: Int32, _ name: Int32, _ value: Int32) throws(NetlinkError) {
        if option(level, name, value) != 0 { throw .socketFailed("set option \(name) of a netlink socket", .current) }
    }

    // MARK: Bytes

    /// Numbers the messages, sends them with one call, and returns the first's number.
    borrowing func send(_ requests: [NetlinkRequest], adding flags: MessageFlags) throws(NetlinkError) -> UInt32 {
        var buffer: [UInt8] = []
        var first: UInt32?
        for request in requests {
            var request = request
            let sequence = nl_socket_use_seq(socket)
            if first == nil { first = sequence }
            request.prepare(sequence: sequence, adding: flags)
            buffer += request.bytes
        }
        while nl_sendto(socket, &buffer, buffer.count) < 0 {
            let number = ErrorNumber.current
            if number != .interrupted { throw .socketFailed(requests.first?.operation ?? "", number) }
        }
        return first ?? 0
    }

    /// Receives one datagram of the kernel; what other processes send to the port is dropped.
    package borrowing func receive(
        _ operation: @autoclosure () -> String,
        _ body: (RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        while true {
            var sender = sockaddr_nl()
            var buffer: UnsafeMutablePointer<UInt8>?
            let count = nl_recv(socket, &sender, &buffer, nil)
            let number = ErrorNumber.current
            defer { free(buffer) }
            if count == -NLE_MSG_TRUNC {
                throw NetlinkError(
                    .truncated,
                    operation: operation(),
                    number: .badMessage,
                    detail: "a datagram of more than 32768 bytes"
                )
            }
            if count < 0 { throw .socketFailed(operation(), number) }
            if sender.nl_pid == 0, count > 0 {
                try body(UnsafeRawBufferPointer(start: buffer, count: Int(count)).bytes)
                return
            }
        }
    }
}
