// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Directories: listed, made, flushed, and told apart by time stamps.
public enum Directory {
    /// The names in a directory, unsorted, without "." and "..".
    public static func names(in path: String) throws(SystemCallError) -> [String] {
        guard let stream = opendir(path) else { throw SystemCallError("opendir", on: path, .current) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw SystemCallError("readdir", on: path, .current) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    /// The names in a directory, or nil when there is no such directory.
    public static func namesIfPresent(in path: String) throws(SystemCallError) -> [String]? {
        do { return try names(in: path) } catch {
            if error.number == .noSuchFile { return nil }
            throw error
        }
    }

    /// Makes a directory and those above it; those that exist keep their mode.
    public static func create(_ path: String, mode: UInt32) throws(SystemCallError) {
        if mkdir(path, mode) == 0 { return }
        switch ErrorNumber.current {
        case .exists:
            guard exists(path) else { throw SystemCallError("mkdir", on: path, .notADirectory) }
        case .noSuchFile where Path.parent(of: path) != path && Path.parent(of: path) != ".":
            try create(Path.parent(of: path), mode: mode)
            // Another process may have been faster: EEXIST is what was wanted.
            if mkdir(path, mode) != 0 && ErrorNumber.current != .exists {
                throw SystemCallError("mkdir", on: path, .current)
            }
        case let number: throw SystemCallError("mkdir", on: path, number)
        }
    }

    /// Whether a path names a directory, following symbolic links.
    public static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Removes an empty directory.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    public static func remove(_ path: String) throws(SystemCallError) -> Bool {
        do { try requireSuccess("rmdir", on: path) { rmdir(path) } } catch {
            if error.number == .noSuchFile { return false }
            throw error
        }
        return true
    }

    /// Makes the names in a directory outlive a power cut.
    public static func flush(_ path: String) throws(SystemCallError) {
        let descriptor = try OwnedFileDescriptor.open(path, .read)
        let rawValue = descriptor.rawValue
        try requireSuccess("fsync", on: path) { fsync(rawValue) }
    }

    /// When names were last added or removed, in nanoseconds since 1970; nil when there is no such directory.
    public static func modificationTime(of path: String) -> Int64? { File.modificationTime(of: path) }

    /// Sets the modification time, so that a later change by anyone else can be told.
    public static func setModificationTime(
        of path: String,
        nanoseconds: Int64
    ) throws(SystemCallError) {
        let stamp = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        // UTIME_OMIT, a macro with a cast: the access time stays.
        let times = [timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2), stamp]
        try requireSuccess("utimensat", on: path) { utimensat(AT_FDCWD, path, times, 0) }
    }
}
