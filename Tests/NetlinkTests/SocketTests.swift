// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc
import LinuxSystem
import LinuxTesting
import Netlink
import Testing

@Suite struct Sockets: ~Copyable {
    let namespace: NetworkNamespace
    let socket: NetlinkSocket

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        self.socket = try NetlinkSocket.open(.route, in: namespace)
        self.namespace = namespace
    }

    /// A request for one link by number.
    func linkRequest(_ index: Int32, flags: MessageFlags = []) throws -> NetlinkRequest {
        try NetlinkRequest("look up link \(index)", purpose: .query, type: RTM_GETLINK, flags: flags) { writer in
            var header = ifinfomsg()
            header.ifi_index = index
            writer.append(header: header)
        }
    }

    @Test func `a query is answered with one message`() throws {
        var types: [Int] = []
        try socket.query(try linkRequest(1)) { (type, payload) throws(NetlinkError) in
            types.append(type)
            #expect(payload.byteCount > 16)
        }
        #expect(types == [RTM_NEWLINK])
    }

    @Test func `a refusal carries the kernel's number, its sentence and the operation`() throws {
        let error = try #require(throws: NetlinkError.self) {
            // Strict checking refuses a header with flags set.
            let request = try NetlinkRequest("look up badly", type: RTM_GETLINK, flags: []) { writer in
                var header = ifinfomsg()
                header.ifi_flags = 1
                writer.append(header: header)
            }
            try socket.query(request) { (_, _) throws(NetlinkError) in }
        }
        #expect(error.number == .invalidArgument)
        #expect(!error.kernelMessage.isEmpty)
        #expect(error.description == "look up badly: EINVAL (Invalid argument): \(error.kernelMessage)")
    }

    @Test func `the offset of the attribute that the kernel objects to reaches the error`() throws {
        let request = try NetlinkRequest("add link", type: RTM_NEWLINK, flags: [.create, .exclusive]) { writer in
            writer.append(header: ifinfomsg())
            writer.put(IFLA_IFNAME, string: "x0")
            writer.put(IFLA_MTU, UInt8(1))
        }
        let error = try #require(throws: NetlinkError.self) { try socket.perform(request) }
        #expect(error.kernelMessage.contains("policy"))
        // Behind the message's header (16), its fixed structure (16) and the name (8).
        #expect(error.attributeOffset == 40)
    }

    @Test func `a batch is answered message by message, and a later query is not confused by it`() throws {
        let outcomes = try socket.perform([
            try linkRequest(1), try linkRequest(99), try linkRequest(1), try linkRequest(98),
        ])
        #expect(outcomes.map { $0?.number } == [nil, .noSuchDevice, nil, .noSuchDevice])
        var count = 0
        try socket.query(try linkRequest(1)) { (_, _) throws(NetlinkError) in count += 1 }
        #expect(count == 1)
    }

    @Test func `after a fault while reading a dump the socket is still in step`() throws {
        let dump = try linkRequest(0)
        let error = try #require(throws: NetlinkError.self) {
            _ = try socket.dump(dump) { (_, _) throws(NetlinkError) -> Int? in throw .malformed("on purpose") }
        }
        #expect(error.detail == "on purpose")
        #expect(error.operation == "look up link 0")
        #expect(try socket.dump(dump) { (type, _) throws(NetlinkError) -> Int? in type }.isEmpty == false)
    }

    @Test func `a dump that a change interrupts is repeated until it is whole`() throws {
        // More links than fit into the two datagrams that the kernel prepares ahead of the reader.
        let commands = (0..<120).map { "link add d\($0) type bridge\n" }.joined()
        _ = try namespace.run { Result { try Command.run(["ip", "-batch", "-"], input: commands) } }.get()
        var attempts = 0
        var count = 0
        let names = try socket.dump(try linkRequest(0)) { (_, payload) throws(NetlinkError) -> String? in
            var name: String?
            try AttributeReader.forEach(in: payload, after: 16) { (type, value) throws(NetlinkError) in
                if type == IFLA_IFNAME { name = value.string }
            }
            if name == "lo" {
                attempts += 1
                count = 0
                // In the middle of the first two attempts the links change.
                if attempts <= 2 {
                    _ = try? Command.run("ip", "link", "add", "new\(attempts)", "type", "bridge", in: namespace)
                }
            }
            count += 1
            return name
        }
        #expect(attempts == 3)
        #expect(names.count == count)
        #expect(Set(names).count == 123)
        #expect(names.contains("new1") && names.contains("new2"))
    }

    @Test func `a dump that is interrupted each time ends with an error`() throws {
        let commands = (0..<120).map { "link add d\($0) type bridge\n" }.joined()
        _ = try namespace.run { Result { try Command.run(["ip", "-batch", "-"], input: commands) } }.get()
        var number = 0
        let error = try #require(throws: NetlinkError.self) {
            _ = try socket.dump(try linkRequest(0)) { (_, payload) throws(NetlinkError) -> Int? in
                guard try payload.field(at: 4, UInt32.self) == 1 else { return nil }
                number += 1
                _ = try? Command.run("ip", "link", "add", "new\(number)", "type", "bridge", in: namespace)
                return nil
            }
        }
        #expect(error.code == .interrupted)
        #expect(number == 32)
    }

    @Test func `many sockets are open at a time, each with a port of its own`() throws {
        var ports: Set<UInt32> = [socket.port]
        let second = try NetlinkSocket.open(.route, in: namespace)
        let third = try NetlinkSocket.open(.route)
        ports.insert(second.port)
        ports.insert(third.port)
        #expect(ports.count == 3)
        try third.query(try linkRequest(1)) { (_, _) throws(NetlinkError) in }
    }

    @Test func `a socket stays in its namespace and leaves the thread where it was`() throws {
        let before = NetworkNamespace.currentIdentity
        try Command.run("ip", "link", "add", "only-here", "type", "bridge", in: namespace)
        let inside = try NetlinkSocket.open(.route, in: namespace)
        #expect(NetworkNamespace.currentIdentity == before)
        let count = try inside.dump(try linkRequest(0)) { (type, _) throws(NetlinkError) -> Int? in type }.count
        #expect(count == 2)
    }

    // In a process of its own: suites that run at the same time open and close descriptors, too. What the test runner has
    // open there for itself is neither a socket nor a namespace.
    @Test func `descriptors are closed with the sockets`() async {
        await #expect(processExitsWith: .success) {
            func count() throws -> Int {
                try Directory.names(in: "/proc/self/fd").count { name in
                    var target = [CChar](repeating: 0, count: 64)
                    guard readlink("/proc/self/fd/\(name)", &target, target.count - 1) > 0 else { return false }
                    let kind = String(decoding: target.prefix { $0 != 0 && $0 != 0x3a }.map(UInt8.init), as: UTF8.self)
                    return kind == "socket" || kind == "net"
                }
            }
            let namespace = try NetworkNamespace.temporary()
            _ = try NetlinkSocket.open(.route)
            let before = try count()
            for _ in 0..<100 {
                _ = try NetlinkSocket.open(.route)
                _ = try? NetlinkSocket.open(NetlinkProtocol(rawValue: 31))
            }
            try openInside(namespace, times: 100)
            guard try count() == before else { exit(1) }
        }
    }

    @Test func `what another process sends to the port is not taken for the kernel's answer`() throws {
        // A message that claims to be an acknowledgement of everything, sent from user space.
        var target = sockaddr_nl()
        target.nl_family = UInt16(AF_NETLINK)
        target.nl_pid = socket.port
        let payload = [UInt8](repeating: 0, count: 36)
        let sent = try namespace.run { () -> Int in
            let inside = Glibc.socket(AF_NETLINK, Int32(SOCK_RAW.rawValue), NETLINK_ROUTE)
            defer { close(inside) }
            return withUnsafePointer(to: &target) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(inside, payload, payload.count, 0, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
                }
            }
        }
        #expect(sent == 36)
        var count = 0
        try socket.query(try linkRequest(1)) { (_, _) throws(NetlinkError) in count += 1 }
        #expect(count == 1)
    }
}

/// Opens sockets in a namespace one after the other; synchronous, as entering a namespace must be.
private func openInside(_ namespace: borrowing NetworkNamespace, times: Int) throws {
    for _ in 0..<times { _ = try NetlinkSocket.open(.route, in: namespace) }
}
