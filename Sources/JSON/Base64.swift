// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Base 64 with padding (RFC 4648, section 4), in which bytes travel in JSON.
public enum Base64 {
    /// Four characters for every three bytes, padded with '='.
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        let bytes = Array(bytes)
        let text = [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { buffer, count in
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let available = min(3, bytes.count - start)
                var word: UInt32 = 0
                for offset in 0..<3 { word = word << 8 | (offset < available ? UInt32(bytes[start + offset]) : 0) }
                for position in 0..<4 {
                    buffer[count] =
                        position <= available ? character(word >> UInt32(18 - 6 * position) & 63) : UInt8(ascii: "=")
                    count += 1
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes; nil when the text has another length or other characters than RFC 4648 allows.
    public static func decode(_ text: String) -> [UInt8]? {
        var characters = Array(text.utf8)[...]
        guard characters.count.isMultiple(of: 4) else { return nil }
        var padding = 0
        while padding < 2, characters.last == UInt8(ascii: "=") {
            characters.removeLast()
            padding += 1
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count * 3 / 4)
        var word: UInt32 = 0
        var bits: UInt32 = 0
        for character in characters {
            guard let value = value(character) else { return nil }
            word = word << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> bits))
            }
        }
        return bytes
    }

    private static func character(_ value: UInt32) -> UInt8 {
        let value = UInt8(value)
        return switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
