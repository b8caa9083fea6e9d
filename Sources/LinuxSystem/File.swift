// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Whole files: read, replaced, removed, never left half-written.
public enum File {
    /// The most that is read of a file unless told otherwise, in bytes.
    public static let defaultLimit = 16 << 20

    /// The contents of a file.
    public static func contents(of path: String, limit: Int = defaultLimit) throws(SystemCallError) -> [UInt8] {
        try OwnedFileDescriptor.open(path, .read).readToEnd(limit: limit, subject: path)
    }

    /// The contents of a file, or nil when there is none.
    public static func contentsIfPresent(
        of path: String,
        limit: Int = defaultLimit
    ) throws(SystemCallError) -> [UInt8]? {
        do { return try contents(of: path, limit: limit) } catch {
            if error.number == .noSuchFile { return nil }
            throw error
        }
    }

    /// What a file must outlive.
    public enum Durability: Sendable {
        /// The process: no reader ever sees a partial file, but a power cut may lose it.
        case process
        /// A power cut: the file and its name are flushed to the disk.
        case powerCut
    }

    /// Replaces a file, or makes it, in one step: a reader sees the old contents or the new, never a part.
    public static func replace(
        _ path: String,
        with contents: [UInt8],
        mode: UInt32 = 0o600,
        durability: Durability = .process
    ) throws(SystemCallError) {
        try install(path, contents, mode: mode, durability: durability) { (temporary) throws(SystemCallError) in
            try requireSuccess("rename", on: path) { Glibc.rename(temporary, path) }
        }
    }

    /// Makes a file that must not exist yet, complete from its first moment.
    ///
    /// - Throws: `EEXIST` when the name is taken.
    public static func create(
        _ path: String,
        with contents: [UInt8],
        mode: UInt32 = 0o600,
        durability: Durability = .process
    ) throws(SystemCallError) {
        try install(path, contents, mode: mode, durability: durability) { (temporary) throws(SystemCallError) in
            do throws(SystemCallError) {
                try requireSuccess(shim: "renameat2", on: path, clinux_rename_exclusively(temporary, path))
            } catch {
                guard error.number == .invalidArgument || error.number == .noSuchCall else { throw error }
                // A file system or a filter that cannot rename so can link: the name is as new, in two steps.
                try requireSuccess("link", on: path) { Glibc.link(temporary, path) }
                unlink(temporary)
            }
        }
    }

    /// Writes a temporary file, has it named, and leaves none behind.
    private static func install(
        _ path: String,
        _ contents: [UInt8],
        mode: UInt32,
        durability: Durability,
        naming: (_ temporary: String) throws(SystemCallError) -> Void
    ) throws(SystemCallError) {
        let temporary = try writeTemporary(beside: path, contents, mode: mode, durability: durability)
        do { try naming(temporary) } catch {
            unlink(temporary)
            throw error
        }
        if durability == .powerCut { try Directory.flush(Path.parent(of: path)) }
    }

    /// Writes a file in place, for caches whose validity is recorded elsewhere: a reader may see a mixture.
    ///
    /// No inode is made when the file exists, and it is never emptied first: some file systems write a file out at
    /// once that was emptied or renamed over.
    public static func overwrite(
        _ path: String,
        with contents: [UInt8],
        mode: UInt32 = 0o600
    ) throws(SystemCallError) {
        let file = try OwnedFileDescriptor.open(path, .writeCreating(mode: mode))
        try file.writeAll(contents, subject: path)
        let descriptor = file.rawValue
        var status = stat()
        try requireSuccess("fstat", on: path) { fstat(descriptor, &status) }
        if Int(status.st_size) > contents.count {
            try requireSuccess("ftruncate", on: path) { ftruncate(descriptor, off_t(contents.count)) }
        }
    }

    /// When the contents of a file last changed, in nanoseconds since 1970; nil when there is none.
    public static func modificationTime(of path: String) -> Int64? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        // A damaged inode may be of any year; 64 bits of nanoseconds end in 2262.
        let (nanoseconds, overflow) = Int64(status.st_mtim.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (time, carry) = nanoseconds.addingReportingOverflow(Int64(status.st_mtim.tv_nsec))
        return overflow || carry ? (status.st_mtim.tv_sec < 0 ? .min : .max) : time
    }

    /// Removes a name.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    public static func remove(_ path: String) throws(SystemCallError) -> Bool {
        do { try requireSuccess("unlink", on: path) { unlink(path) } } catch {
            if error.number == .noSuchFile { return false }
            throw error
        }
        return true
    }

    /// Moves a file to another name in the same file system, replacing what is there.
    public static func rename(_ path: String, to target: String) throws(SystemCallError) {
        try requireSuccess("rename", on: path) { Glibc.rename(path, target) }
    }

    /// Whether a path names a regular file, following symbolic links.
    public static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// A temporary's name starts with a dot and holds the process: readers of the directory skip it,
    /// two writers never share it, and a leftover of a killed writer can be told.
    private static func writeTemporary(
        beside path: String,
        _ contents: [UInt8],
        mode: UInt32,
        durability: Durability
    ) throws(SystemCallError) -> String {
        // A name may be as long as the file system allows (NAME_MAX, 255 bytes); its temporary must not be longer.
        let name = String(Substring(Path.lastComponent(of: path).utf8.prefix(230)))
        let temporary = "\(Path.parent(of: path))/.\(name).\(getpid()).tmp"
        // A killed process may have had our id.
        unlink(temporary)
        let file = try OwnedFileDescriptor.open(temporary, .writeNew(mode: mode))
        do {
            try file.writeAll(contents, subject: temporary)
            if durability == .powerCut {
                let descriptor = file.rawValue
                try requireSuccess("fsync", on: temporary) { fsync(descriptor) }
            }
        } catch {
            unlink(temporary)
            throw error
        }
        return temporary
    }
}

/// Paths as text, split at slashes.
public enum Path {
    /// All but the last component; "." for a bare name.
    public static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// What follows the last slash.
    public static func lastComponent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// The path with its "." and ".." and repeated slashes worked out as text, without looking at the file system.
    public static func normalized(_ path: String) -> String {
        var components: [Substring] = []
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        for component in path.split(separator: "/") where component != "." {
            if component != ".." {
                components.append(component)
            } else if let last = components.last, last != ".." {
                components.removeLast()
            } else if !isAbsolute {
                components.append(component)
            }
        }
        let joined = components.joined(separator: "/")
        return isAbsolute ? "/\(joined)" : joined.isEmpty ? "." : joined
    }

    /// The path as seen from the root, without resolving links.
    public static func absolute(_ path: String) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return "\(String(cString: current))/\(path)"
    }
}
