// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

/// Held by the daemon while it runs: two of them would undo each other's work.
struct DaemonLock: ~Copyable {
    /// Devices, routes and rules are those of a network namespace.
    private let name: NamespaceName
    /// Files may be shared by network namespaces.
    private let lock: FileLock

    /// Takes the name of a daemon in this network namespace, and the lock beside the `subnet.env` that it writes.
    ///
    /// - Throws: `contradiction` when a daemon runs already.
    init(_ options: DaemonOptions) throws(OverlayError) {
        let directory = Path.parent(of: options.subnetFile)
        let path = "\(directory)/flanneld.lock"
        let free: NamespaceName?
        do throws(SystemCallError) { free = try NamespaceName.acquireIfFree("swift-cni/flanneld") } catch {
            throw OverlayError(.localFile, error)
        }
        guard let free else {
            throw OverlayError(
                .contradiction,
                "another flanneld runs in this network namespace",
                advice: "end it first; a second network needs a network namespace of its own"
            )
        }
        try startThread(free.answering)
        let held: FileLock?
        do throws(SystemCallError) {
            try Directory.create(directory, mode: 0o755)
            held = try FileLock.acquireIfFree(path)
        } catch { throw OverlayError(.localFile, error) }
        guard let held else {
            throw OverlayError(
                .contradiction,
                "another flanneld runs in another network namespace with the same files, \(path) is locked",
                advice: "give this one another --subnet-file, --state-dir and --cni-conf-dir"
            )
        }
        name = free
        lock = held
    }
}
