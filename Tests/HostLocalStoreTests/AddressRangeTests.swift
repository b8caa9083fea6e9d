// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import HostLocalStore
import IPAddresses
import Testing

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.1.2.0/24", "10.1.2.1", "10.1.2.254", "10.1.2.1"),
        ("10.1.2.4/30", "10.1.2.5", "10.1.2.6", "10.1.2.5"),
        ("fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff", "fd00::1"),
        ("fd00::8/126", "fd00::9", "fd00::b", "fd00::9"),
        ("0.0.0.0/0", "0.0.0.1", "255.255.255.254", "0.0.0.1"),
        ("::/0", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1"),
    ])
    func `what is left out is filled in`(subnet: String, start: String, end: String, gateway: String) throws {
        let range = try AddressRange(subnet: #require(IPPrefix(subnet)), path: "ipam")
        #expect(range.start.description == start)
        #expect(range.end.description == end)
        #expect(range.gateway.description == gateway)
    }

    @Test(
        arguments: [
            ("10.1.2.0/31", nil, nil, nil, "r.subnet: 10.1.2.0/31 is too small"),
            ("10.1.2.0/32", nil, nil, nil, "r.subnet: 10.1.2.0/32 is too small"),
            ("fd00::/127", nil, nil, nil, "r.subnet: fd00::/127 is too small"),
            ("10.1.2.3/24", nil, nil, nil, "must be 10.1.2.0/24"),
            ("10.1.2.0/24", "10.1.3.1", nil, nil, "r.rangeStart: 10.1.3.1 is not in subnet"),
            ("10.1.2.0/24", nil, "10.1.3.1", nil, "r.rangeEnd: 10.1.3.1 is not in subnet"),
            ("10.1.2.0/24", "fd00::1", nil, nil, "r.rangeStart: fd00::1 is not in subnet"),
            ("10.1.2.0/24", "10.1.2.0", nil, nil, "r.rangeStart: 10.1.2.0 is the address of subnet"),
            ("fd00::/64", "fd00::", nil, nil, "r.rangeStart: fd00:: is the address of subnet"),
            ("10.1.2.0/24", nil, "10.1.2.255", nil, "r.rangeEnd: 10.1.2.255 is the broadcast address"),
            ("10.9.0.0/29", "10.9.0.7", nil, nil, "r.rangeStart: 10.9.0.7 is the broadcast address"),
            ("10.1.2.0/24", "10.1.2.9", "10.1.2.8", nil, "r.rangeStart: 10.1.2.9 is higher than rangeEnd 10.1.2.8"),
            ("10.1.2.0/24", nil, nil, "fd00::1", "r.gateway: fd00::1 is an IPv6 address"),
        ] as [(String, String?, String?, String?, String)]
    )
    func `a range that makes no sense is refused`(
        subnet: String,
        start: String?,
        end: String?,
        gateway: String?,
        complaint: String
    ) throws {
        let error = try #require(throws: CNIError.self) {
            try AddressRange(
                subnet: #require(IPPrefix(subnet)),
                start: start.flatMap { IPAddress($0) },
                end: end.flatMap { IPAddress($0) },
                gateway: gateway.flatMap { IPAddress($0) },
                path: "r"
            )
        }
        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains(complaint))
    }

    @Test func `a gateway outside the subnet is allowed`() throws {
        let set = try RangeSet.of("10.1.2.0/24", gateway: "169.254.1.1")
        #expect(set.ranges[0].gateway.description == "169.254.1.1")
    }

    @Test func `a set needs a range, one family, and no overlap`() throws {
        #expect(throws: CNIError.self) { try RangeSet([], path: "r") }
        #expect(throws: CNIError.self) { try RangeSet.of("10.1.2.0/24", "fd00::/64") }
        #expect(throws: CNIError.self) { try RangeSet.of("10.1.2.0/24", "10.1.0.0/16") }
        #expect(throws: Never.self) {
            try RangeSet.of("10.1.2.0/24 10.1.2.1 10.1.2.10", "10.1.2.0/24 10.1.2.11 10.1.2.20")
        }
    }
}
