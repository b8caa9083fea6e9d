// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// An open network namespace, kept alive by its descriptor.
public struct NetworkNamespace: ~Copyable {
    private let descriptor: OwnedFileDescriptor

    /// The descriptor, for requests that name a namespace by it (`IFLA_NET_NS_FD`).
    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// What tells one namespace from another: device and inode of its file.
    public struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
    }

    /// The namespace of the calling thread.
    public static func current() throws(SystemCallError) -> NetworkNamespace {
        NetworkNamespace(descriptor: try .open("/proc/thread-self/ns/net", .read))
    }

    /// The namespace that a path names, as `ip netns` and container runtimes give it.
    ///
    /// - Throws: what `open(2)` says, or `EINVAL` when the path is not a network namespace.
    public static func open(_ path: String) throws(SystemCallError) -> NetworkNamespace {
        let descriptor = try OwnedFileDescriptor.open(path, .read)
        // NS_GET_NSTYPE; a plain file answers ENOTTY. A named namespace whose mount is gone is such a file.
        let type = ioctl(descriptor.rawValue, 0xb703)
        guard type == cloneNewNetwork else {
            throw SystemCallError("open network namespace", on: path, .invalidArgument)
        }
        return NetworkNamespace(descriptor: descriptor)
    }

    /// A new namespace that ends with its last descriptor; nothing is mounted or named.
    public static func temporary() throws(SystemCallError) -> NetworkNamespace {
        NetworkNamespace(
            descriptor: OwnedFileDescriptor(
                adopting: try requireSuccess(shim: "unshare", on: "network", clinux_new_network_namespace())
            )
        )
    }

    /// Device and inode of a namespace's file without opening it; nil when there is no such file.
    public static func identity(of path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// Device and inode of the calling thread's namespace; nil where /proc is missing.
    public static var currentIdentity: Identity? { identity(of: "/proc/thread-self/ns/net") }

    /// Runs synchronous work on this thread inside the namespace.
    ///
    /// A thread that cannot return would do all later work in the wrong place, so that is a crash.
    @available(*, noasync, message: "setns moves one thread; an await after it may resume on another")
    public borrowing func run<Result: ~Copyable>(_ body: () -> Result) throws(SystemCallError) -> Result {
        let home = try NetworkNamespace.current()
        try requireSuccess(
            shim: "setns",
            on: "network namespace",
            clinux_enter_network_namespace(descriptor.rawValue)
        )
        defer {
            let returned = clinux_enter_network_namespace(home.descriptor.rawValue)
            precondition(returned == 0, "cannot return to the network namespace this thread came from")
        }
        return body()
    }
}

/// The corresponding C constant, `CLONE_NEWNET`, is behind `_GNU_SOURCE`.
private let cloneNewNetwork: Int32 = 0x4000_0000
