// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Complete files that several machines name on a shared file system.
///
/// These are the two steps of ``File/create(_:with:mode:durability:)``, for writers that process ids do not tell apart.
extension File {
    /// Writes a file under a name that must be new, to be given its real name later.
    ///
    /// - Throws: `EEXIST` when the name is taken; nothing is left behind by any other failure.
    public static func write(
        new path: String,
        with contents: [UInt8],
        mode: UInt32 = 0o600,
        durability: Durability = .process
    ) throws(SystemCallError) {
        let file = try OwnedFileDescriptor.open(path, .writeNew(mode: mode))
        do {
            try file.writeAll(contents, subject: path)
            if durability == .powerCut {
                let descriptor = file.rawValue
                try requireSuccess("fsync", on: path) { fsync(descriptor) }
            }
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Gives a file one more name, which must be new.
    ///
    /// Of several machines that link to one name at once, exactly one succeeds, on every file system they can share.
    ///
    /// - Throws: `EEXIST` when the name is taken.
    public static func link(_ path: String, to name: String) throws(SystemCallError) {
        if Glibc.link(path, name) == 0 { return }
        let number = ErrorNumber.current
        // A server's answer may be lost and the call repeated: the link that is "there already" may be our own.
        if number == .exists, areOne(path, name) { return }
        throw SystemCallError("link", on: name, number)
    }

    /// Whether two names are of one file.
    private static func areOne(_ path: String, _ other: String) -> Bool {
        var first = stat()
        var second = stat()
        return stat(path, &first) == 0 && stat(other, &second) == 0 && first.st_ino == second.st_ino
            && first.st_dev == second.st_dev
    }
}
