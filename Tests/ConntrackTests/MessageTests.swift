// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import Testing

@testable import Conntrack
@testable import Netlink

/// What needs no kernel.
@Suite struct Messages {
    @Test func `a removal always has a tuple`() throws {
        let target = try ip("10.1.0.2")
        for port in [FlowFilter.Port(.udp, 53), .init(.udp, 53, of: try ip("10.0.0.1")), .init(.tcp, 1, to: 2)] {
            let request = try #require(try ConntrackRequest.removeAll(through: port, leadingTo: target))
            var types: [Int] = []
            // Behind the headers of 16 and 4 bytes.
            try AttributeReader.forEach(in: request.bytes.span.bytes, after: 20) { (type, value) throws(NetlinkError) in
                types.append(type)
                #expect(value.byteCount > 4)
            }
            // CTA_FILTER, CTA_TUPLE_ORIG, CTA_TUPLE_REPLY.
            #expect(types == [25, 1, 2])
        }
    }

    @Test func `the kernel is not asked to remove what it cannot tell apart`() throws {
        let (v4, v6) = (try ip("10.1.0.2"), try ip("fd00::2"))
        #expect(try ConntrackRequest.removeAll(through: .init(.udp, 53), leadingTo: v6) == nil)
        #expect(try ConntrackRequest.removeAll(through: .init(.udp, 53, of: v6), leadingTo: v4) == nil)
        #expect(try ConntrackRequest.removeAll(through: .init(.sctp, 53), leadingTo: v4) == nil)
    }

    @Test func `the kernel is asked to compare only what all ports have in common`() throws {
        let own = try ip("192.168.0.1")
        func selection(_ ports: [FlowFilter.Port], _ family: AddressFamily = .v4) throws -> KernelSelection {
            KernelSelection(FlowFilter(ports, leadingTo: [try ip("10.1.0.2"), try ip("fd00::2")]), family)
        }
        let both = try selection([.init(.udp, 53), .init(.tcp, 53)])
        #expect(both.transport == nil && both.port == nil && both.destination == nil)
        let udp = try selection([.init(.udp, 53), .init(.udp, 54, of: own)])
        #expect(udp.transport == .udp && udp.port == nil && udp.destination == nil)
        let bound = try selection([.init(.udp, 53, of: own), .init(.udp, 54, of: own)])
        #expect(bound.transport == .udp && bound.port == nil && bound.destination == IPv4Address("192.168.0.1"))
        let one = try selection([.init(.udp, 53, to: 530)])
        #expect(one.transport == .udp && one.port == 53 && one.destination == nil && one.target == nil)
        // Ports of an address of the other family do not count, and addresses of IPv6 are never compared.
        let other = try selection([.init(.udp, 53, of: try ip("2001:db8::1")), .init(.tcp, 54, of: own)], .v6)
        #expect(other.transport == .udp && other.port == 53 && other.destination == nil && other.target == nil)
    }

    @Test(
        arguments: [
            [],  // no header
            [2, 0, 0, 0],  // no attributes
            [2, 0, 0, 0, 8, 0, 1, 0x80, 4, 0, 1, 0x80],  // a tuple without addresses
            [2, 0, 0, 0, 12, 0, 1, 0x80, 9, 0, 1, 0x80, 0, 0, 0, 0],  // an attribute longer than its nest
            [2, 0, 0, 0, 16, 0, 1, 0x80, 12, 0, 1, 0x80, 6, 0, 1, 0, 10, 0, 0, 0],  // an address of two bytes
        ] as [[UInt8]]
    )
    func `a malformed message is an error and no crash`(bytes: [UInt8]) {
        let error = #expect(throws: NetlinkError.self) {
            _ = try Flow(reading: bytes.span.bytes) { _, _ in true }
        }
        #expect(error?.code == .malformed)
    }

    @Test func `a kernel without the subsystem is told from one that refuses`() {
        func code(_ number: ErrorNumber) -> NetlinkError.Code {
            ConntrackSocket.interpreting(.refused("count", purpose: .query, number: number)).code
        }
        #expect(code(.invalidArgument) == .unavailable)
        #expect(code(.notSupported) == .unavailable)
        #expect(code(.notPermitted) == .refused)
        #expect(ConntrackSocket.interpreting(.socketFailed("open", .protocolNotSupported)).code == .unavailable)
        #expect(ConntrackSocket.interpreting(.socketFailed("open", .noBufferSpace)).code == .messagesLost)
    }
}
