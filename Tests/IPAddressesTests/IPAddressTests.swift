// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Testing

@Suite struct IPAddressTests {
    @Test(
        arguments: [
            ("10.0.0.1", "10.0.0.2"), ("10.0.0.255", "10.0.1.0"), ("255.255.255.255", nil), ("::", "::1"),
            ("::ffff:ffff:ffff", "::1:0:0:0"), ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", nil),
        ] as [(String, String?)]
    )
    func `the next address, up to the end of the family`(text: String, next: String?) throws {
        #expect(try #require(IPAddress(text)).next?.description == next)
    }

    @Test func `IPv4 comes before IPv6, then numbers count`() {
        let texts = ["::1", "10.0.0.10", "10.0.0.9", "::", "255.255.255.255"]
        #expect(
            texts.compactMap { IPAddress($0) }.sorted().map(\.description)
                == ["10.0.0.9", "10.0.0.10", "255.255.255.255", "::", "::1"]
        )
    }

    @Test func `classes`() {
        func matches(_ property: KeyPath<IPAddress, Bool>, _ texts: [String]) -> [String] {
            texts.filter { IPAddress($0)?[keyPath: property] == true }
        }
        let all = [
            "0.0.0.0", "::", "127.0.0.1", "127.255.255.255", "128.0.0.1", "::1", "169.254.0.1", "169.255.0.1",
            "fe80::1",
            "febf::1", "fec0::1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "ff02::1", "fe00::1",
        ]
        #expect(matches(\.isUnspecified, all) == ["0.0.0.0", "::"])
        #expect(matches(\.isLoopback, all) == ["127.0.0.1", "127.255.255.255", "::1"])
        #expect(matches(\.isLinkLocal, all) == ["169.254.0.1", "fe80::1", "febf::1"])
        #expect(matches(\.isMulticast, all) == ["224.0.0.1", "239.255.255.255", "ff02::1"])
    }

    @Test func `a number must fit the family`() {
        #expect(IPAddress(family: .v4, value: 0xffff_ffff)?.description == "255.255.255.255")
        #expect(IPAddress(family: .v4, value: 0x1_0000_0000) == nil)
        #expect(IPAddress(family: .v6, value: 0x1_0000_0000)?.description == "::1:0:0")
        for count in [0, 3, 5, 15, 17] { #expect(IPAddress(octets: [UInt8](repeating: 1, count: count)) == nil) }
    }
}
