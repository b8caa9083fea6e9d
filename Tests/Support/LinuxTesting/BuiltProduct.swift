// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem

/// Executables of this package, beside the test bundle that is running.
public enum BuiltProduct {
    /// The path of an executable by its target's name.
    public static func path(_ name: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        guard length > 0 else { throw SystemCallError("readlink", on: "/proc/self/exe", .current) }
        let bundle = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = "\(Path.parent(of: bundle))/\(name)"
        guard File.isRegular(path) else {
            throw CommandFailure(description: "\(path) is not built: is it a dependency of the test target?")
        }
        return path
    }
}
