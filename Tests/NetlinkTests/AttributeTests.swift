// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Netlink
import Testing

@Suite struct Attributes {
    /// Everything that is read from bytes: attribute numbers and payloads.
    func read(_ bytes: [UInt8], after offset: Int = 0) throws(NetlinkError) -> [UnknownAttribute] {
        var found: [UnknownAttribute] = []
        try AttributeReader.forEach(in: bytes.span.bytes, after: offset) { (type, payload) throws(NetlinkError) in
            found.append(UnknownAttribute(type: type, payload: payload.octets))
        }
        return found
    }

    @Test func `each attribute is handed on, unknown ones too, padding and flag bits are not`() throws {
        let bytes = attribute(1, [9]) + attribute(0x8000 | 77, [1, 2, 3, 4]) + attribute(0x4002, [])
        #expect(
            try read(bytes) == [
                UnknownAttribute(type: 1, payload: [9]), UnknownAttribute(type: 77, payload: [1, 2, 3, 4]),
                UnknownAttribute(type: 2, payload: []),
            ]
        )
        #expect(try read([0, 0, 0, 0] + bytes, after: 4).count == 3)
    }

    @Test func `a last attribute may lack its padding, and three stray bytes are padding`() throws {
        #expect(try read(Array(attribute(1, [9]).prefix(5))) == [UnknownAttribute(type: 1, payload: [9])])
        #expect(try read(attribute(1, [1, 2, 3, 4]) + [0, 0, 0]).count == 1)
        #expect(try read([]).isEmpty)
    }

    @Test(arguments: [
        attribute(1, [], length: 0),  // would never advance
        attribute(1, [], length: 3),
        attribute(1, [1, 2], length: 100),
        attribute(1, [1, 2]) + attribute(2, [1, 2, 3, 4], length: 9),
        attribute(1, [], length: 65535),
    ])
    func `a length that cannot be is an error`(bytes: [UInt8]) throws {
        let error = try #require(throws: NetlinkError.self) { try read(bytes) }
        #expect(error.code == .malformed)
        #expect(error.number == .badMessage)
        #expect(error.detail.contains("length"))
    }

    @Test func `a message shorter than its fixed header is an error`() throws {
        let error = try #require(throws: NetlinkError.self) { try read([1, 2, 3], after: 16) }
        #expect(error.code == .malformed)
    }

    @Test func `an integer of another width is an error, never a guess`() throws {
        let bytes: [UInt8] = [1, 0, 0, 0]
        #expect(try bytes.span.bytes.integer(UInt32.self) == 1)
        #expect(try bytes.span.bytes.bigEndian(UInt32.self) == 0x0100_0000)
        #expect(throws: NetlinkError.self) { try bytes.span.bytes.integer(UInt16.self) }
        #expect(throws: NetlinkError.self) { try bytes.span.bytes.integer(UInt64.self) }
        #expect(try bytes.span.bytes.field(at: 2, UInt16.self) == 0)
        #expect(throws: NetlinkError.self) { try bytes.span.bytes.field(at: 3, UInt16.self) }
        #expect(throws: NetlinkError.self) { try bytes.span.bytes.field(at: -1, UInt8.self) }
    }

    @Test func `a string ends at its NUL, or at its end`() {
        let terminated: [UInt8] = [0x61, 0x62, 0, 0x63]
        let open: [UInt8] = [0x61, 0x62]
        #expect(terminated.span.bytes.string == "ab")
        #expect(open.span.bytes.string == "ab")
    }

    @Test func `what is written is read back, lengths and padding included`() throws {
        let request = try NetlinkRequest("test", type: 99, flags: .create) { writer in
            writer.append(header: UInt64(0x1122_3344_5566_7788))
            writer.put(1, UInt8(7))
            writer.put(2, bigEndian: UInt16(0x1234))
            writer.put(3, string: "abc")
            writer.nest(4) { writer in
                writer.put(5, bytes: [1, 2, 3, 4, 5])
                writer.nest(6) { _ in }
                writer.putFlag(7)
            }
        }
        let nested = attribute(5, [1, 2, 3, 4, 5]) + attribute(0x8006, []) + attribute(7, [])
        let body =
            octets(UInt64(0x1122_3344_5566_7788)) + attribute(1, [7]) + attribute(2, [0x12, 0x34])
            + attribute(3, [0x61, 0x62, 0x63, 0]) + attribute(0x8004, nested)
        var expected = Datagram()
        // NLM_F_REQUEST | NLM_F_CREATE
        expected.message(type: 99, flags: 0x401, sequence: 0, port: 0, body)
        #expect(request.bytes == expected.bytes)
    }

    @Test func `a message grows beyond its expected size, open nests included`() throws {
        let request = try NetlinkRequest("test", type: 99, flags: [], capacity: 32) { writer in
            writer.nest(1) { writer in
                writer.nest(2) { writer in
                    for number in 0..<2000 { writer.put(3, UInt32(number)) }
                }
            }
            writer.put(4, UInt32(1))
        }
        #expect(request.bytes.count == 16 + 4 + 4 + 2000 * 8 + 8)
        let outer = try read(request.bytes, after: 16)
        #expect(outer.map(\.type) == [1, 4])
        let inner = try read(read(outer[0].payload)[0].payload)
        #expect(inner.map { $0.payload } == (0..<2000).map { octets(UInt32($0)) })
    }

    @Test func `what fits in no attribute is refused, not cut`() {
        #expect(throws: NetlinkError.self) {
            try NetlinkRequest("test", type: 99, flags: []) { $0.put(1, bytes: [UInt8](repeating: 0, count: 65_532)) }
        }
        #expect(throws: NetlinkError.self) {
            try NetlinkRequest("test", type: 99, flags: []) { $0.put(1, string: "a\0b") }
        }
        #expect(throws: NetlinkError.self) {
            try NetlinkRequest("test", type: 99, flags: []) { writer in
                writer.nest(1) { writer in
                    for _ in 0..<2 { writer.put(2, bytes: [UInt8](repeating: 0, count: 40_000)) }
                }
            }
        }
    }

    @Test func `random bytes are read or refused, and never crash`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                // Small numbers are likelier lengths.
                Bool.random() ? UInt8.random(in: 0...12) : UInt8.random(in: 0...255)
            }
            let found = (try? read(bytes)) ?? []
            #expect(found.reduce(0) { $0 + 4 + $1.payload.count } <= bytes.count)
        }
    }
}
