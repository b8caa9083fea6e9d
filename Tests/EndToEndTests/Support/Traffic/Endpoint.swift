// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses

/// What carries the bytes of a conversation.
enum Transport: String, CaseIterable, Sendable, CustomStringConvertible {
    case tcp, udp

    /// "TCP" or "UDP".
    var description: String { rawValue.uppercased() }

    /// The corresponding C constants are `SOCK_STREAM` and `SOCK_DGRAM`.
    var socketType: Int32 { Int32(self == .tcp ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue) }
}

/// An address and a port.
struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The address.
    let address: IPAddress
    /// The port.
    let port: UInt16

    /// An address and a port.
    init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    /// As a person writes it: "192.0.2.1:80", "[2001:db8::1]:80".
    var description: String { address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)" }

    /// Lends the endpoint as the kernel wants it, a `sockaddr_in` or `sockaddr_in6`.
    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var bytes: [UInt8] = withUnsafeBytes(of: address.family.socketFamily) { Array($0) }
        bytes += withUnsafeBytes(of: port.bigEndian) { Array($0) }
        bytes += address.family == .v4 ? address.octets + zeros(8) : zeros(4) + address.octets + zeros(4)
        var storage = sockaddr_storage()
        return withUnsafeMutableBytes(of: &storage) { buffer in
            buffer.copyBytes(from: bytes)
            return buffer.withMemoryRebound(to: sockaddr.self) { addresses in
                body(UnsafePointer(addresses.baseAddress.unsafelyUnwrapped), socklen_t(bytes.count))
            }
        }
    }

    /// Asks a call such as `getpeername(2)` for an endpoint; nil when it fails or knows none.
    init?(asking call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int) {
        var storage = sockaddr_storage()
        let bytes: [UInt8]? = withUnsafeMutableBytes(of: &storage) { buffer in
            var length = socklen_t(buffer.count)
            let status = buffer.withMemoryRebound(to: sockaddr.self) { addresses in
                call(addresses.baseAddress.unsafelyUnwrapped, &length)
            }
            return status < 0 ? nil : Array(buffer.prefix(Int(length)))
        }
        guard let bytes, bytes.count >= 16 else { return nil }
        let isIPv4 = UInt16(bytes[0]) | UInt16(bytes[1]) << 8 == AddressFamily.v4.socketFamily
        guard let address = IPAddress(octets: isIPv4 ? bytes[4..<8] : bytes[8..<24]) else { return nil }
        self.init(address, UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
    }

    private func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }
}

extension AddressFamily {
    /// The corresponding C constants are `AF_INET` and `AF_INET6`.
    var socketFamily: sa_family_t { sa_family_t(self == .v4 ? AF_INET : AF_INET6) }

    /// `0.0.0.0` or `::`.
    var anyAddress: IPAddress { IPPrefix.everything(self).address }
}
