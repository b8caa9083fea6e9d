// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Testing

@Suite struct IPv4AddressTests {
    @Test(
        arguments: [
            ("0.0.0.0", 0), ("10.1.2.3", 0x0a01_0203), ("255.255.255.255", 0xffff_ffff), ("127.0.0.1", 0x7f00_0001),
            ("192.0.2.10", 0xc000_020a),
        ] as [(String, UInt32)]
    )
    func `dotted quads are read and written`(text: String, value: UInt32) throws {
        let address = try #require(IPv4Address(text))
        #expect(address.rawValue == value)
        #expect(address.description == text)
        #expect(IPAddress(text) == .v4(address))
        #expect(IPAddress(octets: address.octets) == .v4(address))
    }

    @Test(arguments: [
        "", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.0.0.0", "1.2.3.999", "01.2.3.4",
        "1.2.3.00",
        "1.2.3.4 ", " 1.2.3.4", "+1.2.3.4", "-1.2.3.4", "1.2.3.4/8", "0x1.2.3.4", "a.b.c.d", "1,2,3,4", "1.2.3.٤",
        "4294967296.0.0.0", "99999999999999999999.0.0.0", "1.2.3.4\0", "1.2.3.4\n",
    ])
    func `anything else is refused`(text: String) {
        #expect(IPv4Address(text) == nil)
        #expect(IPAddress(text) == nil)
    }

    @Test func `order is numeric`() throws {
        let low = try #require(IPv4Address("9.255.255.255"))
        let high = try #require(IPv4Address("10.0.0.0"))
        #expect(low < high && !(high < low))
    }
}
