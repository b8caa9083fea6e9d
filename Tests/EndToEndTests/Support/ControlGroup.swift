// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The control group, in each hierarchy, that all containers of a machine are in.
///
/// Control groups are the one thing that no namespace keeps to itself: they do not end with the machine, but with this.
final class ControlGroup: Sendable {
    /// Its path below the root of each hierarchy; what makes the first container makes it.
    var path: String { "/\(name)" }

    private let name: String

    init(of host: IsolatedHost) {
        name = "\(Self.prefix)\(host.process)"
        Self.removeAbandoned()
    }

    deinit {
        // Those of a test that failed hold processes.
        for _ in 0..<100 {
            if Self.remove(name) { return }
            usleep(20_000)
        }
    }

    /// What the names begin with; the number of the machine's process follows.
    private static var prefix: String { "swift-cni-test-" }

    /// Removes what was left by tests that were killed.
    private static func removeAbandoned() {
        let names = hierarchies.flatMap { (try? Directory.names(in: $0)) ?? [] }.filter { $0.hasPrefix(prefix) }
        for name in Set(names) where !Directory.exists("/proc/\(name.dropFirst(prefix.count))") { remove(name) }
    }

    /// Removes a group from every hierarchy, and ends the processes that are in there.
    ///
    /// - Returns: Whether none is left.
    @discardableResult
    private static func remove(_ name: String) -> Bool {
        let paths = hierarchies.map { "\($0)/\(name)" }.filter { Directory.exists($0) }
        for path in paths {
            let inner = ((try? Directory.names(in: path)) ?? []).map { "\(path)/\($0)" }
            for group in inner where Directory.exists(group) {
                let contents = (try? File.contents(of: "\(group)/cgroup.procs")) ?? []
                for line in String(decoding: contents, as: UTF8.self).split(separator: "\n") {
                    if let number = Int32(line), number > 1 { kill(number, SIGKILL) }
                }
                rmdir(group)
            }
            rmdir(path)
        }
        return paths.allSatisfy { !Directory.exists($0) }
    }

    /// The roots of all hierarchies: one, or in version 1 one for each controller.
    private static var hierarchies: [String] {
        let root = "/sys/fs/cgroup"
        return [root] + ((try? Directory.names(in: root)) ?? []).map { "\(root)/\($0)" }
    }
}
