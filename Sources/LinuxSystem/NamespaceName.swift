// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A name that one process of a network namespace has, until the value ends or the process dies.
///
/// It is that of an abstract socket (`unix(7)`), which is in no file system. Any process may take such a name, so one that a
/// stranger has, neither root nor this process's user, is passed over for the next of a row. For that others ask whose it
/// is, and ``answering`` must be run by whoever keeps it for long.
public struct NamespaceName: ~Copyable {
    private let descriptor: OwnedFileDescriptor

    private static var rowLength: Int { 16 }

    /// Work for a thread of its own, which lets others ask, and never ends.
    ///
    /// The kernel answers by itself, but keeps each question until it is accepted, and no more than some.
    public var answering: @Sendable () -> Void {
        let socket = descriptor.rawValue
        return {
            while true {
                var wish = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                _ = poll(&wish, 1, -1)
                let question = accept(socket, nil, nil)
                if question >= 0 { close(question) } else { Deadline.after(.milliseconds(100)).wait() }
            }
        }
    }

    /// Takes a name; nil when somebody else in the network namespace has it who may.
    ///
    /// - Throws: `EADDRINUSE` when strangers have all names of the row.
    public static func acquireIfFree(_ name: String) throws(SystemCallError) -> NamespaceName? {
        for number in 0..<rowLength {
            let socket = try AbstractSocket(number == 0 ? name : "\(name)/\(number)")
            if try socket.bind() { return NamespaceName(descriptor: socket.intoDescriptor()) }
            if try socket.isHeldByEqual() { return nil }
        }
        throw SystemCallError("bind", on: name, .addressInUse)
    }
}

/// `struct ucred`, which glibc hides.
private struct PeerCredentials {
    var process: pid_t = 0
    var user: uid_t = 0
    var group: gid_t = 0
}

/// A socket and the name that it is to have.
private struct AbstractSocket: ~Copyable {
    private let name: String
    private let address: sockaddr_un
    private let length: socklen_t
    private let descriptor: OwnedFileDescriptor

    init(_ name: String) throws(SystemCallError) {
        let (address, length) = try Self.address(of: name)
        let descriptor = try Self.open(name)
        self.name = name
        self.address = address
        self.length = length
        self.descriptor = descriptor
    }

    private static func address(of name: String) throws(SystemCallError) -> (sockaddr_un, socklen_t) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A name that begins with zero is abstract.
        let bytes = [0] + Array(name.utf8)
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemCallError("bind", on: name, .nameTooLong)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return (address, socklen_t((MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 0) + bytes.count))
    }

    private static func open(_ name: String) throws(SystemCallError) -> OwnedFileDescriptor {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        return OwnedFileDescriptor(adopting: try requireSuccess("socket", on: name) { socket(AF_UNIX, type, 0) })
    }

    /// Takes the name, and lets others ask whose it is; false when somebody has it.
    borrowing func bind() throws(SystemCallError) -> Bool {
        let result = withAddress { Glibc.bind(descriptor.rawValue, $0, length) }
        guard result == 0 else {
            let number = ErrorNumber.current
            guard number == .addressInUse else { throw SystemCallError("bind", on: name, number) }
            return false
        }
        let socket = descriptor.rawValue
        _ = try requireSuccess("listen", on: name) { listen(socket, 128) }
        return true
    }

    /// Whether root or this process's user has the name.
    borrowing func isHeldByEqual() throws(SystemCallError) -> Bool {
        for attempt in 0..<5 {
            let client = try Self.open(name)
            if withAddress({ connect(client.rawValue, $0, length) }) == 0 {
                var credentials = PeerCredentials()
                var size = socklen_t(MemoryLayout<PeerCredentials>.size)
                let socket = client.rawValue
                _ = try requireSuccess("getsockopt", on: name) {
                    getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size)
                }
                return credentials.user == 0 || credentials.user == geteuid()
            }
            // One of ours listens a moment after it has taken the name, and has nobody wait for long.
            if attempt < 4 { Deadline.after(.milliseconds(20)).wait() }
        }
        return false
    }

    private borrowing func withAddress(_ body: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }

    consuming func intoDescriptor() -> OwnedFileDescriptor { descriptor }
}
