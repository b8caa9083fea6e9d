// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A NULL-terminated array of C strings that lives as long as the value, as `execve(2)` takes it.
package final class CStringList {
    /// The array; valid while the list lives.
    package let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    /// Copies strings.
    package init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
