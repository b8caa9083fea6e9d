// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The variables the process was started with.
public enum ProcessEnvironment {
    /// All of them as `KEY=value`, in the order they were given.
    public static var entries: [String] {
        var entries: [String] = []
        var pointer = environ
        while let entry = pointer.pointee {
            entries.append(String(cString: entry))
            pointer += 1
        }
        return entries
    }

    /// The value of a variable, when an entry sets it.
    ///
    /// Compared as bytes: a combining character behind the "=" makes it another character, but not another variable.
    public static func value(of name: String, in entry: String) -> String? {
        guard entry.utf8.starts(with: name.utf8), entry.utf8.dropFirst(name.utf8.count).first == UInt8(ascii: "=")
        else { return nil }
        return String(decoding: entry.utf8.dropFirst(name.utf8.count + 1), as: UTF8.self)
    }
}
