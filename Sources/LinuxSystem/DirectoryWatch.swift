// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Waits for changes in directories with `inotify(7)`.
///
/// It tells only that something may have changed: look again. Other machines' changes of a shared file system are not
/// told, so a wait needs a deadline.
public struct DirectoryWatch: ~Copyable {
    /// A directory that is watched, whatever its path is by now.
    public struct Watched: Hashable, Sendable {
        fileprivate let number: Int32
    }

    /// Something that may have changed.
    public struct Change: Hashable, Sendable {
        /// The directory; one that ``watch(_:)`` never returned when too much happened to tell.
        public let directory: Watched
        /// The name in it; nil when the directory itself is concerned.
        public let name: String?
    }

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
    @discardableResult
    public borrowing func watch(_ path: String) throws(SystemCallError) -> Watched {
        let descriptor = descriptor.rawValue
        let events =
            UInt32(IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_MOVED_FROM)
            | UInt32(IN_MOVED_TO) | UInt32(IN_ONLYDIR)
        return Watched(
            number: try requireSuccess("inotify_add_watch", on: path) { inotify_add_watch(descriptor, path, events) }
        )
    }

    /// Waits until something changed in a watched directory.
    ///
    /// Names with a leading dot do not count: they are temporaries, whose renaming counts.
    ///
    /// - Returns: What did, all that is known at once; nothing when the deadline came first.
    public borrowing func changes(until deadline: Deadline) throws(SystemCallError) -> Set<Change> {
        while try deadline.waitUntilReadable(descriptor.rawValue, subject: "inotify") {
            let descriptor = descriptor.rawValue
            var events = [UInt8](repeating: 0, count: 16 << 10)
            var changes: Set<Change> = []
            while true {
                let count = read(descriptor, &events, events.count)
                guard count > 0 else { break }
                Self.collect(events[..<count], into: &changes)
            }
            if !changes.isEmpty { return changes }
        }
        return []
    }

    /// Takes what several `struct inotify_event` are about, apart from names with a leading dot.
    private static func collect(_ events: ArraySlice<UInt8>, into changes: inout Set<Change>) {
        let headerSize = MemoryLayout<inotify_event>.size
        var rest = events
        while rest.count >= headerSize {
            let header = rest.withUnsafeBytes { $0.loadUnaligned(as: inotify_event.self) }
            rest = rest.dropFirst(headerSize)
            // The kernel fills the name up with zeros.
            let name = rest.prefix(Int(header.len)).prefix { $0 != 0 }
            rest = rest.dropFirst(Int(header.len))
            if name.first == UInt8(ascii: ".") { continue }
            let directory = Watched(number: header.wd)
            changes.insert(
                Change(directory: directory, name: name.isEmpty ? nil : String(decoding: name, as: UTF8.self))
            )
        }
    }
}
