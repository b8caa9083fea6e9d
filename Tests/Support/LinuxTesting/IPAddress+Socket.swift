// swift-cni, SPDX-License-Identifier: Apache-2.0

public import Glibc
public import IPAddresses

extension IPAddress {
    /// Runs `body` with the address and a port as system calls take them.
    public func withSocketAddress(
        _ port: UInt16,
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void
    ) throws {
        // Family, port in network order, and where the address is in struct sockaddr_in and sockaddr_in6.
        var bytes = [UInt8](repeating: 0, count: family == .v4 ? 16 : 28)
        bytes[0] = UInt8(family == .v4 ? AF_INET : AF_INET6)
        bytes[2] = UInt8(port >> 8)
        bytes[3] = UInt8(port & 0xff)
        let start = family == .v4 ? 4 : 8
        bytes.replaceSubrange(start..<(start + octets.count), with: octets)
        try bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            try body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(buffer.count))
        }
    }
}
