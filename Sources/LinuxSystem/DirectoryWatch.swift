// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Waits for changes in directories with `inotify(7)`.
///
/// It tells only that something may have changed: look again. Other machines' changes of a shared file system are not
/// told, so a wait needs a deadline.
public struct DirectoryWatch: ~Copyable {
    private let descriptor: OwnedFileDescriptor

    private init(_ descriptor: consuming OwnedFileDescriptor) { self.descriptor = descriptor }

    /// Makes a watch that watches nothing yet.
    ///
    /// - Throws: `EMFILE` when the user has too many.
    public static func open() throws(SystemCallError) -> DirectoryWatch {
        let flags = Int32(IN_CLOEXEC | IN_NONBLOCK)
        return DirectoryWatch(
            OwnedFileDescriptor(adopting: try requireSuccess("inotify_init1") { inotify_init1(flags) })
        )
    }

    /// Watches the directory that a path names now; one that is watched already stays so.
    ///
    /// The watch follows the directory, not the path: call it again before each wait, in case another is there now.
    public borrowing func watch(_ path: String) throws(SystemCallError) {
        let descriptor = descriptor.rawValue
        let events =
            UInt32(IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_MOVED_FROM)
            | UInt32(IN_MOVED_TO) | UInt32(IN_ONLYDIR)
        try requireSuccess("inotify_add_watch", on: path) { inotify_add_watch(descriptor, path, events) }
    }

    /// Waits until something changed in a watched directory.
    ///
    /// Names with a leading dot do not count: they are temporaries, whose renaming counts.
    ///
    /// - Returns: Whether it did; false when the deadline came first.
    public borrowing func waitForChange(until deadline: Deadline) throws(SystemCallError) -> Bool {
        while try deadline.waitUntilReadable(descriptor.rawValue, subject: "inotify") {
            let descriptor = descriptor.rawValue
            var events = [UInt8](repeating: 0, count: 16 << 10)
            var hasChanged = false
            // What is queued is one change: the reader looks at the whole directory anyway.
            while true {
                let count = read(descriptor, &events, events.count)
                guard count > 0 else { break }
                if Self.tellsOfChange(events[..<count]) { hasChanged = true }
            }
            if hasChanged { return true }
        }
        return false
    }

    /// Whether one of several `struct inotify_event` is about a name without a leading dot, or about no name.
    private static func tellsOfChange(_ events: ArraySlice<UInt8>) -> Bool {
        let headerSize = MemoryLayout<inotify_event>.size
        var rest = events
        while rest.count >= headerSize {
            let header = rest.withUnsafeBytes { $0.loadUnaligned(as: inotify_event.self) }
            rest = rest.dropFirst(headerSize)
            if header.len == 0 || rest.first != UInt8(ascii: ".") { return true }
            rest = rest.dropFirst(Int(header.len))
        }
        return false
    }
}
