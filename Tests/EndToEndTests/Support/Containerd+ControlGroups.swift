// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Control groups are the one thing that no namespace keeps to itself: they do not end with the machine.
extension Containerd {
    /// What the names of machines' control groups begin with; the number of the machine's process follows.
    static var cgroupPrefix: String { "swift-cni-test-" }

    /// Removes what was left by tests that were killed.
    static func removeAbandonedCgroups() {
        let names = hierarchies.flatMap { (try? Directory.names(in: $0)) ?? [] }.filter { $0.hasPrefix(cgroupPrefix) }
        for name in Set(names) where !Directory.exists("/proc/\(name.dropFirst(cgroupPrefix.count))") {
            removeCgroups(name)
        }
    }

    /// Removes the pods' control groups from every hierarchy, and ends the processes that are in there.
    ///
    /// - Returns: Whether none is left.
    @discardableResult
    static func removeCgroups(_ name: String) -> Bool {
        let paths = hierarchies.map { "\($0)/\(name)" }.filter { Directory.exists($0) }
        for path in paths {
            let inner = ((try? Directory.names(in: path)) ?? []).map { "\(path)/\($0)" }
            for group in inner where Directory.exists(group) {
                let contents = (try? File.contents(of: "\(group)/cgroup.procs")) ?? []
                for line in String(decoding: contents, as: UTF8.self).split(separator: "\n") {
                    if let number = Int32(line), number > 1 { Glibc.kill(number, SIGKILL) }
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
