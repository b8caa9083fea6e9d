// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A file descriptor with one owner, closed when the owner ends.
public struct OwnedFileDescriptor: ~Copyable {
    /// The number by which the kernel knows the open file; valid only while the owner lives.
    public let rawValue: Int32

    /// Takes over a descriptor that nobody else will close.
    public init(adopting rawValue: Int32) { self.rawValue = rawValue }

    deinit { _ = close(rawValue) }

    /// Gives the descriptor away without closing it.
    public consuming func release() -> Int32 {
        let value = rawValue
        discard self
        return value
    }

    /// How a file is opened.
    public enum Access: Sendable {
        /// The corresponding C constant is `O_RDONLY`.
        case read
        /// `O_RDONLY | O_CREAT`: a lock file.
        case readCreating(mode: UInt32)
        /// `O_RDWR | O_CREAT`: a lock file on a shared file system.
        case readWriteCreating(mode: UInt32)
        /// `O_WRONLY | O_CREAT | O_EXCL`.
        case writeNew(mode: UInt32)
        /// `O_WRONLY | O_CREAT`.
        case writeCreating(mode: UInt32)
        /// `O_RDWR`.
        case readWrite
        /// `O_WRONLY`: a file under /proc/sys.
        case write
    }

    /// Opens a file, close-on-exec.
    public static func open(_ path: String, _ access: Access) throws(SystemCallError) -> OwnedFileDescriptor {
        let (flags, mode): (Int32, UInt32) =
            switch access {
            // A FIFO in the place of a file must not keep its opener waiting for a writer.
            case .read: (O_RDONLY | O_NONBLOCK, 0)
            case .readCreating(let mode): (O_RDONLY | O_CREAT, mode)
            case .readWriteCreating(let mode): (O_RDWR | O_CREAT, mode)
            case .writeNew(let mode): (O_WRONLY | O_CREAT | O_EXCL, mode)
            case .writeCreating(let mode): (O_WRONLY | O_CREAT, mode)
            case .readWrite: (O_RDWR, 0)
            case .write: (O_WRONLY, 0)
            }
        return OwnedFileDescriptor(
            adopting: try requireSuccess("open", on: path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
        )
    }

    /// An unnamed file in memory, such as a child's standard output.
    public static func memoryFile(named name: String) throws(SystemCallError) -> OwnedFileDescriptor {
        OwnedFileDescriptor(
            adopting: try requireSuccess(shim: "memfd_create", on: name, clinux_memory_file(name))
        )
    }

    /// Reads from the current position to the end.
    ///
    /// - Parameter patience: How long to wait for each next byte, in nanoseconds; a negative one waits until a
    ///   termination signal arrives (`EINTR`), nil for ever.
    /// - Throws: `EFBIG` when there are more than `limit` bytes; nothing past them is read. `ETIMEDOUT` when patience
    ///   ran out.
    public borrowing func readToEnd(
        limit: Int,
        subject: String = "",
        patience: Int64? = nil
    ) throws(SystemCallError) -> [UInt8] {
        var contents: [UInt8] = []
        var chunk = min(limit + 1, 4096)
        while true {
            let descriptor = rawValue
            if let patience {
                let ready = clinux_wait_readable(descriptor, patience)
                if ready == 0 { throw SystemCallError("read", on: subject, .timedOut) }
                if ready == -EINTR, TerminationSignals.received == nil { continue }
                try requireSuccess(shim: "ppoll", on: subject, ready)
            }
            let start = contents.count
            // Grown chunk by chunk: what a peer claims to send is never allocated in advance.
            contents.append(contentsOf: repeatElement(0, count: chunk))
            let received = try requireSuccess("read", on: subject) {
                contents.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.map { $0 + start }, chunk) }
            }
            contents.removeLast(chunk - received)
            if received == 0 { return contents }
            if contents.count > limit { throw SystemCallError("read", on: subject, .fileTooLarge) }
            chunk = min(max(chunk, contents.count), limit + 1 - contents.count + 1)
        }
    }

    /// Writes all bytes, continuing after partial writes.
    public borrowing func writeAll(_ bytes: [UInt8], subject: String = "") throws(SystemCallError) {
        let descriptor = rawValue
        var written = 0
        while written < bytes.count {
            written += try requireSuccess("write", on: subject) {
                bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written) }
            }
        }
    }

    /// Moves the position to the start, as a reader of a memory file needs.
    public borrowing func rewind() throws(SystemCallError) {
        let descriptor = rawValue
        try requireSuccess("lseek") { lseek(descriptor, 0, SEEK_SET) }
    }
}
