// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A name that one process of a network namespace has, until the value ends or the process dies.
///
/// It is that of an abstract socket (`unix(7)`), which is in no file system.
public struct NamespaceName: ~Copyable {
    private let descriptor: OwnedFileDescriptor

    /// Takes a name; nil when somebody else in the network namespace has it.
    public static func acquireIfFree(_ name: String) throws(SystemCallError) -> NamespaceName? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A name that begins with zero is abstract.
        let bytes = [0] + Array(name.utf8)
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemCallError("bind", on: name, .nameTooLong)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = (MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 0) + bytes.count
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedFileDescriptor(
            adopting: try requireSuccess("socket", on: name) { socket(AF_UNIX, type, 0) }
        )
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor.rawValue, $0, socklen_t(length))
            }
        }
        if result == 0 { return NamespaceName(descriptor: descriptor) }
        let number = ErrorNumber.current
        guard number == .addressInUse else { throw SystemCallError("bind", on: name, number) }
        return nil
    }
}
