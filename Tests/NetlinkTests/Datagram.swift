// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Bytes as the kernel would send them, written by hand so that they can be wrong.
struct Datagram {
    private(set) var bytes: [UInt8] = []

    /// Appends a message; the length is right unless it is given.
    mutating func message(
        type: UInt16,
        flags: UInt16 = 0,
        sequence: UInt32,
        port: UInt32 = 7,
        length: UInt32? = nil,
        _ payload: [UInt8] = []
    ) {
        bytes += octets(length ?? UInt32(16 + payload.count)) + octets(type) + octets(flags) + octets(sequence)
        bytes += octets(port) + payload
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    /// Appends an `NLMSG_ERROR` or acknowledgement, capped, with an extended acknowledgement where there is one.
    mutating func answer(
        _ error: Int32,
        sequence: UInt32,
        extended: [UInt8] = [],
        isCapped: Bool = true,
        request: [UInt8] = []
    ) {
        let header = octets(UInt32(16 + request.count)) + [UInt8](repeating: 0, count: 12)
        message(
            type: 2,
            flags: (isCapped ? 0x100 : 0) | (extended.isEmpty ? 0 : 0x200),
            sequence: sequence,
            octets(error) + header + (isCapped ? [] : padded(request)) + extended
        )
    }
}

/// Bytes filled up to a multiple of four, as the kernel pads the message that it sends back.
func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4) }

/// An attribute; the length is right unless it is given.
func attribute(_ type: UInt16, _ payload: [UInt8], length: UInt16? = nil) -> [UInt8] {
    var bytes = octets(length ?? UInt16(4 + payload.count)) + octets(type) + payload
    while bytes.count % 4 != 0 { bytes.append(0) }
    return bytes
}

/// An integer's bytes in the host's order.
func octets<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
}
