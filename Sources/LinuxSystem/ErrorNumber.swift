// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The number by which the kernel names a failure: `errno` of a system call, or the negated
/// `error` field of a netlink acknowledgement.
public struct ErrorNumber: RawRepresentable, Hashable, Sendable {
    /// The value of `errno`, positive.
    public let rawValue: Int32

    /// Creates an error number from a value of `errno`.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The calling thread's `errno`.
    public static var current: ErrorNumber { ErrorNumber(rawValue: errno) }

    /// The corresponding C constant is `EPERM`.
    public static var notPermitted: ErrorNumber { ErrorNumber(rawValue: EPERM) }
    /// The corresponding C constant is `ENOENT`.
    public static var noSuchFile: ErrorNumber { ErrorNumber(rawValue: ENOENT) }
    /// The corresponding C constant is `ESRCH`.
    public static var noSuchProcess: ErrorNumber { ErrorNumber(rawValue: ESRCH) }
    /// The corresponding C constant is `EINTR`.
    public static var interrupted: ErrorNumber { ErrorNumber(rawValue: EINTR) }
    /// The corresponding C constant is `EIO`.
    public static var inputOutput: ErrorNumber { ErrorNumber(rawValue: EIO) }
    /// The corresponding C constant is `ENXIO`.
    public static var noSuchAddressOrDevice: ErrorNumber { ErrorNumber(rawValue: ENXIO) }
    /// The corresponding C constant is `ENOEXEC`.
    public static var executableFormat: ErrorNumber { ErrorNumber(rawValue: ENOEXEC) }
    /// The corresponding C constant is `EAGAIN`.
    public static var tryAgain: ErrorNumber { ErrorNumber(rawValue: EAGAIN) }
    /// The corresponding C constant is `EACCES`.
    public static var accessDenied: ErrorNumber { ErrorNumber(rawValue: EACCES) }
    /// The corresponding C constant is `EBUSY`.
    public static var busy: ErrorNumber { ErrorNumber(rawValue: EBUSY) }
    /// The corresponding C constant is `EEXIST`.
    public static var exists: ErrorNumber { ErrorNumber(rawValue: EEXIST) }
    /// The corresponding C constant is `ENODEV`.
    public static var noSuchDevice: ErrorNumber { ErrorNumber(rawValue: ENODEV) }
    /// The corresponding C constant is `ENOTDIR`.
    public static var notADirectory: ErrorNumber { ErrorNumber(rawValue: ENOTDIR) }
    /// The corresponding C constant is `EISDIR`.
    public static var isADirectory: ErrorNumber { ErrorNumber(rawValue: EISDIR) }
    /// The corresponding C constant is `EINVAL`.
    public static var invalidArgument: ErrorNumber { ErrorNumber(rawValue: EINVAL) }
    /// The corresponding C constant is `ERANGE`.
    public static var outOfRange: ErrorNumber { ErrorNumber(rawValue: ERANGE) }
    /// The corresponding C constant is `ELOOP`.
    public static var loop: ErrorNumber { ErrorNumber(rawValue: ELOOP) }
    /// The corresponding C constant is `EBADMSG`.
    public static var badMessage: ErrorNumber { ErrorNumber(rawValue: EBADMSG) }
    /// The corresponding C constant is `ETXTBSY`.
    public static var textFileBusy: ErrorNumber { ErrorNumber(rawValue: ETXTBSY) }
    /// The corresponding C constant is `EFBIG`.
    public static var fileTooLarge: ErrorNumber { ErrorNumber(rawValue: EFBIG) }
    /// The corresponding C constant is `ENAMETOOLONG`.
    public static var nameTooLong: ErrorNumber { ErrorNumber(rawValue: ENAMETOOLONG) }
    /// The corresponding C constant is `EROFS`.
    public static var readOnlyFileSystem: ErrorNumber { ErrorNumber(rawValue: EROFS) }
    /// The corresponding C constant is `EPIPE`.
    public static var brokenPipe: ErrorNumber { ErrorNumber(rawValue: EPIPE) }
    /// The corresponding C constant is `ENOSYS`.
    public static var noSuchCall: ErrorNumber { ErrorNumber(rawValue: ENOSYS) }
    /// The corresponding C constant is `ENOTEMPTY`.
    public static var notEmpty: ErrorNumber { ErrorNumber(rawValue: ENOTEMPTY) }
    /// The corresponding C constant is `EPROTONOSUPPORT`.
    public static var protocolNotSupported: ErrorNumber { ErrorNumber(rawValue: EPROTONOSUPPORT) }
    /// The corresponding C constant is `EOPNOTSUPP`.
    public static var notSupported: ErrorNumber { ErrorNumber(rawValue: EOPNOTSUPP) }
    /// The corresponding C constant is `EAFNOSUPPORT`.
    public static var addressFamilyNotSupported: ErrorNumber { ErrorNumber(rawValue: EAFNOSUPPORT) }
    /// The corresponding C constant is `EADDRINUSE`.
    public static var addressInUse: ErrorNumber { ErrorNumber(rawValue: EADDRINUSE) }
    /// The corresponding C constant is `EADDRNOTAVAIL`.
    public static var addressNotAvailable: ErrorNumber { ErrorNumber(rawValue: EADDRNOTAVAIL) }
    /// The corresponding C constant is `ENETDOWN`.
    public static var networkDown: ErrorNumber { ErrorNumber(rawValue: ENETDOWN) }
    /// The corresponding C constant is `ENETUNREACH`.
    public static var networkUnreachable: ErrorNumber { ErrorNumber(rawValue: ENETUNREACH) }
    /// The corresponding C constant is `EHOSTUNREACH`.
    public static var hostUnreachable: ErrorNumber { ErrorNumber(rawValue: EHOSTUNREACH) }
    /// The corresponding C constant is `EXFULL`: a bridge has no port left.
    public static var exchangeFull: ErrorNumber { ErrorNumber(rawValue: EXFULL) }
    /// The corresponding C constant is `ENOBUFS`.
    public static var noBufferSpace: ErrorNumber { ErrorNumber(rawValue: ENOBUFS) }
    /// The corresponding C constant is `ESTALE`: a server no longer knows the file.
    public static var stale: ErrorNumber { ErrorNumber(rawValue: ESTALE) }
    /// The corresponding C constant is `ETIMEDOUT`.
    public static var timedOut: ErrorNumber { ErrorNumber(rawValue: ETIMEDOUT) }
}

extension ErrorNumber: CustomStringConvertible {
    /// The name and the C library's sentence, such as "ENOENT (No such file or directory)".
    public var description: String {
        let name = clinux_errno_name(rawValue).map { String(cString: $0) } ?? "errno \(rawValue)"
        return "\(name) (\(String(cString: strerror(rawValue))))"
    }
}
