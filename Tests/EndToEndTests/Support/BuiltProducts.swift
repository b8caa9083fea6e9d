// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

/// The release executables under test: those of `scripts/build`, or any other directory of CNI plugins.
enum BuiltProducts {
    /// `SWIFT_CNI_BIN`, or `.build/bin` of this package.
    static var directory: String {
        environment("SWIFT_CNI_BIN") ?? "\(packageRoot)/.build/bin"
    }

    /// The reference plugins, from Debian's containernetworking-plugins.
    static var reference: String { "/usr/lib/cni" }

    /// Whether tests may be skipped: in CI what cannot run is an error.
    static var skipsAreErrors: Bool { environment("REQUIRE_KERNEL_TESTS") == "1" }

    /// Whether the long forms of the tests were asked for.
    static var runsLong: Bool { environment("SWIFT_CNI_LONG") == "1" }

    /// Whether a product can be executed.
    static func exists(_ name: String, in directory: String = directory) -> Bool {
        access("\(directory)/\(name)", X_OK) == 0
    }

    /// Whether a program is installed where Debian puts it.
    static func isInstalled(_ program: String) -> Bool {
        ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// The value of an environment variable; nil when it is unset or empty.
    static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// The package this file belongs to.
    static var packageRoot: String {
        Path.parent(of: Path.parent(of: Path.parent(of: Path.parent(of: #filePath))))
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs only where the named products have been built; in CI they must have been.
    static func requiresProducts(_ names: String...) -> Self {
        .enabled("run scripts/build first") {
            BuiltProducts.skipsAreErrors || names.allSatisfy { BuiltProducts.exists($0) }
        }
    }

    /// Runs only beside the reference plugins; in CI they must be installed.
    static var requiresReference: Self {
        .enabled("apt-get install containernetworking-plugins first") {
            BuiltProducts.skipsAreErrors || BuiltProducts.exists("bridge", in: BuiltProducts.reference)
        }
    }

    /// Runs only where the named Debian programs are installed; in CI they must be.
    static func requiresPrograms(_ names: String...) -> Self {
        .enabled("install \(names.joined(separator: ", ")) first") {
            BuiltProducts.skipsAreErrors || names.allSatisfy { BuiltProducts.isInstalled($0) }
        }
    }
}
