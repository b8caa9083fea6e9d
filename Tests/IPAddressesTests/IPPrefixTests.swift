// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Testing

@Suite struct IPPrefixTests {
    @Test(arguments: [
        ("10.1.2.3/24", "10.1.2.0", "10.1.2.255", false), ("10.1.2.0/24", "10.1.2.0", "10.1.2.255", true),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", true), ("10.0.0.1/32", "10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1/31", "10.0.0.0", "10.0.0.1", false), ("255.255.255.255/1", "128.0.0.0", "255.255.255.255", false),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("fd00::5/64", "fd00::", "fd00::ffff:ffff:ffff:ffff", false),
        ("2001:db8::1/128", "2001:db8::1", "2001:db8::1", true),
        ("2001:db8::1/127", "2001:db8::", "2001:db8::1", false),
    ])
    func `a prefix spans its subnet`(text: String, first: String, last: String, isNetwork: Bool) throws {
        let prefix = try #require(IPPrefix(text))
        #expect(prefix.description == text)
        #expect(prefix.first.description == first)
        #expect(prefix.last.description == last)
        #expect(prefix.isNetwork == isNetwork)
        #expect(prefix.network.isNetwork)
        #expect(prefix.network.description == "\(first)/\(prefix.length)")
        #expect(prefix.contains(prefix.first) && prefix.contains(prefix.last) && prefix.contains(prefix.address))
        if let beyond = prefix.last.next { #expect(!prefix.contains(beyond)) }
    }

    @Test(arguments: [
        "", "/", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
        "10.0.0.0/a",
        "10.0.0/8", "::/129", "::/0x1", "::/ 1", "10.0.0.0 /8", "10.0.0.0/8 ", "10.0.0.0/0008", "10.0.0.0/256",
        "10.0.0.0/٨",
    ])
    func `anything else is refused`(text: String) { #expect(IPPrefix(text) == nil) }

    @Test(arguments: [
        ("10.0.0.0/8", "10.1.0.0/16", true, true), ("10.1.0.0/16", "10.0.0.0/8", false, true),
        ("10.0.0.0/8", "11.0.0.0/8", false, false), ("10.0.0.0/8", "10.0.0.0/8", true, true),
        ("0.0.0.0/0", "::/0", false, false), ("::/0", "fd00::/8", true, true),
        ("fd00::/64", "fd00:0:0:1::/64", false, false),
        ("10.9.9.9/8", "10.1.0.0/16", true, true),
    ])
    func `containing and overlapping`(left: String, right: String, contains: Bool, overlaps: Bool) throws {
        let left = try #require(IPPrefix(left))
        let right = try #require(IPPrefix(right))
        #expect(left.contains(right) == contains)
        #expect(left.overlaps(right) == overlaps)
        #expect(right.overlaps(left) == overlaps)
    }

    @Test func `a leading zero of the length is read over, as in Go`() {
        #expect(IPPrefix("10.0.0.0/08")?.description == "10.0.0.0/8")
    }

    @Test func `a length must fit the family`() throws {
        let address = try #require(IPAddress("10.0.0.1"))
        #expect(IPPrefix(address, length: 33) == nil)
        #expect(IPPrefix(address, length: -1) == nil)
        #expect(IPPrefix(address, length: 32) == IPPrefix(host: address))
        #expect(IPPrefix.everything(.v6).description == "::/0")
        #expect(IPPrefix.everything(.v4).description == "0.0.0.0/0")
    }
}
