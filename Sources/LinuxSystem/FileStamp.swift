// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What tells a file's contents from those it had before, without reading them.
///
/// Times are only compared for being equal: whose clock set them does not matter.
public struct FileStamp: Hashable, Sendable {
    private let inode: UInt64
    private let size: Int64
    private let modified: Time
    private let changed: Time

    private struct Time: Hashable {
        let seconds: Int
        let nanoseconds: Int

        init(_ time: timespec) {
            seconds = time.tv_sec
            nanoseconds = time.tv_nsec
        }
    }

    /// The stamp of the file that a path names; nil when it cannot be looked at.
    public init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Time(status.st_mtim)
        changed = Time(status.st_ctim)
    }
}
