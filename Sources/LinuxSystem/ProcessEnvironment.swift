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
}
