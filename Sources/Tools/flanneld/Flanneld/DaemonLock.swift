// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

/// Held by the daemon while it runs: two of them would undo each other's work.
struct DaemonLock: ~Copyable {
    private let lock: FileLock

    /// Takes the lock beside the `subnet.env` that the daemon writes.
    ///
    /// - Throws: `contradiction` when a daemon runs already.
    init(_ options: DaemonOptions) throws(OverlayError) {
        let directory = Path.parent(of: options.subnetFile)
        let path = "\(directory)/flanneld.lock"
        let held: FileLock?
        do throws(SystemCallError) {
            try Directory.create(directory, mode: 0o755)
            held = try FileLock.acquireIfFree(path)
        } catch { throw OverlayError(.localFile, error) }
        guard let held else {
            throw OverlayError(
                .contradiction,
                "another flanneld runs, \(path) is locked",
                advice: "end it first; for a second network give this one another --subnet-file and --state-dir"
            )
        }
        lock = held
    }
}
