// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON

/// Values that break careless programs.
enum Hostile {
    /// Strings: paths that climb, names that lie, addresses that are none.
    static var strings: [String] {
        [
            "", " ", ".", "..", "/", "../../../../etc", "a/b", "/dev/null", "/etc/passwd", "/proc/self/ns/net", "\u{0}",
            "a\u{0}b", "\u{7f}", "\n", "%s%n", "${HOME}", "\u{202e}eth0", "é", "e\u{301}", "日本", "🦀🦀🦀", "\u{feff}x",
            String(repeating: "a", count: 16), String(repeating: "x", count: 300), String(repeating: "ü", count: 5000),
            "0.0.0.0/0", "::/0", "255.255.255.255/32", "10.1.0.0/33", "10.1.0.0/-1", "10.1.0.256/24", "010.1.0.0/24",
            "fd00::/129", "::ffff:10.0.0.0/120", "fe80::1%eth0/64", "10.1.0.0", "1e3", "-1", "null", "true", "9.9.9",
            "1.0.0", "1.1.0", "0.1.0", "2.0.0", "1", "host-local", "loopback", "static", "nonexistent", "bridge/..",
            "lo", "all", "default", "cni-test0", "eth0:1", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff",
            "02:11:22:33:44:55",
            "224.0.0.0/24", "127.0.0.0/8", "169.254.0.0/16", "10.80.0.1", "10.80.0.255", "fd00:80::1",
        ]
    }

    /// Characters for the inside of names.
    static var scalars: [Unicode.Scalar] {
        ["\u{0}", "\u{1}", "\n", " ", "\"", "\\", "/", ".", ":", "-", "0", "9", "a", "é", "\u{301}", "\u{202e}", "🦀"]
    }

    /// Values of all types and sizes.
    static var values: [JSONValue] {
        [
            .null, true, false, 0, 1, -1, 4094, 4095, 65_535, 65_536, 2_147_483_648, .integer(.max), .integer(.min),
            .real(0.5), .real(1e308), .real(-0.0), .real(1500.0), [], .object(JSONObject()), [[]], [.null], ["", ""],
            .object(JSONObject([("", "")])), .array(Array(repeating: "10.80.0.7", count: 2000)), nested(100),
            nested(300),
        ] + strings.map { .string($0) }
    }

    /// Pieces of text that end JSON, or begin too much of it.
    static var fragments: [[UInt8]] {
        [
            [0], [0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], Array("\\ud800".utf8),
            Array("\\u0000".utf8), Array("\\x".utf8), Array("//".utf8), Array("/**/".utf8), Array(",".utf8),
            Array("{}".utf8), Array("[]".utf8), Array("\"".utf8), Array("}".utf8), Array("]".utf8), Array("null".utf8),
            Array("NaN".utf8), Array("Infinity".utf8), Array("'".utf8), Array("\r\n".utf8), Array("1e999".utf8),
        ]
    }

    /// Numbers that fit nowhere, or nearly.
    static var numbers: [String] {
        [
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
            "18446744073709551616", "1e308", "1e309", "-1e309", "1e-999", "0.1", "-0", "00", "1.", "0x10", "4294967296",
            String(repeating: "9", count: 5000),
        ]
    }

    /// Documents that never were configurations.
    static var wholeDocuments: [[UInt8]] {
        [
            [], [0x20], Array("null".utf8), Array("[]".utf8), Array("{}".utf8), Array("\"x\"".utf8), Array("1".utf8),
            Array(repeating: 0, count: 4096), Array(repeating: 0xff, count: 4096),
            Array(repeating: 0x20, count: (16 << 20) + 1), Array(repeating: UInt8(ascii: "["), count: 1 << 20),
            Array("{\"name\":\"".utf8) + Array(repeating: UInt8(ascii: "a"), count: 1 << 20) + Array("\"}".utf8),
        ]
    }

    private static func nested(_ depth: Int) -> JSONValue {
        var value: JSONValue = "x"
        for _ in 0..<depth { value = .object(JSONObject([("a", value)])) }
        return value
    }
}
