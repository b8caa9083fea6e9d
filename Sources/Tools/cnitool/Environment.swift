// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The environment cnitool was started with.
enum Environment {
    /// The value of a variable that is set to something.
    static func nonempty(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
