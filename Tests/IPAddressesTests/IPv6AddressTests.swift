// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxTesting
internal import Testing

@Suite struct IPv6AddressTests {
    // The left column is what may be written (RFC 4291, 2.2), the right what RFC 5952 makes of it.
    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:0", "::"), ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8::8:800:200C:417A", "2001:db8::8:800:200c:417a"), ("2001:0db8::0001", "2001:db8::1"),
        // 4.2.1: as short as possible; 4.2.2: no shortening of one group; 4.2.3: the longest run, the first of equals.
        ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("0:0:1::", "0:0:1::"), ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("1:2:3:4:5:6::", "1:2:3:4:5:6::"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::FFFF:c000:201", "::ffff:192.0.2.1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("::1.2.3.4", "::102:304"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
    func `every form is read, one is written`(text: String, canonical: String) throws {
        let address = try #require(IPv6Address(text))
        #expect(address.description == canonical)
        #expect(IPv6Address(canonical) == address)
        #expect(IPAddress(octets: address.octets) == .v6(address))
    }

    @Test(arguments: [
        "", ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:", ":2:3:4:5:6:7:8",
        "1::2::3", "::1::", "1:::2", "12345::", "g::", "::g", "1:2:3:4:5:6:7::8", "::1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "::1.2.3", "::1.2.3.4.5", "::256.0.0.1", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::01.2.3.4",
        "fe80::1%eth0", "[::1]", "::1/128", " ::1", "::1 ", "::-1", "::+1", "::0x1", "::１", "1.2.3.4",
    ])
    func `anything else is refused`(text: String) {
        #expect(IPv6Address(text) == nil)
        if text != "1.2.3.4" { #expect(IPAddress(text) == nil) }
    }

    @Test func `random addresses are written as getent(1) writes them`() throws {
        var texts: [String] = []
        for _ in 0..<40 {
            // Zero groups in random places, so that runs of every length and place occur.
            let groups = (0..<8).map { _ in Bool.random() ? UInt16(0) : UInt16.random(in: 0...0xffff) }
            texts.append(groups.map { String($0, radix: 16) }.joined(separator: ":"))
        }
        for text in texts {
            let address = try #require(IPv6Address(text))
            let witness = try Command.run("getent", "ahostsv6", text).split(separator: " ").first
            // An embedded dotted quad is written by getent in more cases than RFC 5952 recommends.
            if let witness, !witness.contains(".") { #expect(address.description == String(witness)) }
        }
    }

    @Test func `an IPv4-mapped address stays IPv6 until it is unmapped`() throws {
        let address = try #require(IPAddress("::ffff:10.0.0.1"))
        #expect(address.family == .v6)
        #expect(address.unmapped == IPAddress("10.0.0.1"))
        #expect(IPAddress("::10.0.0.1")?.unmapped.family == .v6)
        #expect(IPAddress("10.0.0.1")?.unmapped == IPAddress("10.0.0.1"))
    }
}
