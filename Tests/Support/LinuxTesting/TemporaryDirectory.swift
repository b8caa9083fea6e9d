// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
public import LinuxSystem

/// A directory that is removed with everything in it when the last reference ends.
public final class TemporaryDirectory: Sendable {
    /// The absolute path.
    public let path: String

    /// Makes an empty directory below /tmp.
    public init() throws {
        var template = Array("/tmp/swift-cni-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCallError("mkdtemp", on: "/tmp", .current) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { TemporaryDirectory.removeTree(path) }

    /// The path of something in the directory.
    public func appending(_ name: String) -> String { "\(path)/\(name)" }

    private static func removeTree(_ path: String) {
        if let names = try? Directory.names(in: path) {
            for name in names {
                let child = "\(path)/\(name)"
                if unlink(child) != 0 { removeTree(child) }
            }
        }
        rmdir(path)
    }
}

extension NetworkNamespace {
    /// A path by which other processes can open this namespace while the test holds it.
    public var path: String { "/proc/\(getpid())/fd/\(rawDescriptor)" }
}
