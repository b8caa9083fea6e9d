// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import Testing

@Suite struct ErrorTextTests {
    @Test(arguments: [
        (ErrorNumber.noSuchFile, "ENOENT (No such file or directory)"), (.exists, "EEXIST (File exists)"),
        (.busy, "EBUSY (Device or resource busy)"), (.nameTooLong, "ENAMETOOLONG (File name too long)"),
        (ErrorNumber(rawValue: 9999), "errno 9999 (Unknown error 9999)"),
    ])
    func `a number has name and sentence`(number: ErrorNumber, text: String) { #expect(number.description == text) }

    @Test func `each name is its constant`() {
        let pairs: [(ErrorNumber, Int32)] = [
            (.notPermitted, EPERM), (.noSuchProcess, ESRCH), (.interrupted, EINTR), (.inputOutput, EIO),
            (.noSuchAddressOrDevice, ENXIO), (.tryAgain, EAGAIN), (.accessDenied, EACCES), (.noSuchDevice, ENODEV),
            (.notADirectory, ENOTDIR), (.isADirectory, EISDIR), (.invalidArgument, EINVAL), (.textFileBusy, ETXTBSY),
            (.fileTooLarge, EFBIG), (.readOnlyFileSystem, EROFS), (.brokenPipe, EPIPE), (.notEmpty, ENOTEMPTY),
            (.notSupported, EOPNOTSUPP), (.addressFamilyNotSupported, EAFNOSUPPORT), (.addressInUse, EADDRINUSE),
            (.addressNotAvailable, EADDRNOTAVAIL), (.networkDown, ENETDOWN), (.networkUnreachable, ENETUNREACH),
            (.noBufferSpace, ENOBUFS), (.timedOut, ETIMEDOUT),
        ]
        for (number, constant) in pairs { #expect(number.rawValue == constant) }
    }

    @Test func `an error names call, subject and number`() {
        #expect(SystemCallError("open", on: "/x", .accessDenied).description == "open /x: EACCES (Permission denied)")
        #expect(SystemCallError("lseek", .invalidArgument).description == "lseek: EINVAL (Invalid argument)")
    }
}
