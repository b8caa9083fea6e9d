// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import IPAddresses
internal import LinuxSystem
internal import LinuxTesting

/// A socket that listens, and that no program inherits which is started meanwhile: those of NIO are inherited.
enum ListeningSocket {
    /// Opens a socket; whoever connects to it in its namespace is served here.
    ///
    /// - Parameter namespace: The file of the network namespace to listen in; nil for the caller's.
    /// - Returns: The descriptor, which is the caller's to close.
    static func open(_ address: String, _ port: UInt16, in namespace: String?) throws -> Int32 {
        guard let address = IPAddress(address) else { throw SystemCallError("bind", on: address, .invalidArgument) }
        guard let namespace else { return try open(address, port) }
        return try NetworkNamespace.open(namespace).run { () -> Result<Int32, any Error> in
            Result { try open(address, port) }
        }.get()
    }

    private static func open(_ address: IPAddress, _ port: UInt16) throws -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family == .v4 ? AF_INET : AF_INET6, type, 0)
        guard descriptor >= 0 else { throw SystemCallError("socket", .current) }
        do {
            var one: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
            try address.withSocketAddress(port) { pointer, length in
                guard bind(descriptor, pointer, length) == 0 else {
                    throw SystemCallError("bind", on: "\(address):\(port)", .current)
                }
            }
            guard listen(descriptor, 256) == 0 else { throw SystemCallError("listen", .current) }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }
}
