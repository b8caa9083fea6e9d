// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay
internal import Synchronization

/// Says when it is time for the node to look around: when something is due, and when a file of its own is gone.
///
/// It looks each second, on a thread of its own: a task that sleeps wakes three threads each time, and so needed more than
/// half of what the daemon may use while nothing happens.
final class Ticker: Sendable {
    private struct State {
        var files: StatusFile.State?
        var due: Int64 = 0
    }

    private let state = Mutex(State())
    private let bell = Bell()
    private static var period: Int64 { 1_000_000_000 }

    /// Starts to look after a node's files.
    static func start(_ files: NodeFiles) throws(OverlayError) -> Ticker {
        let ticker = Ticker()
        try startThread { ticker.run(files) }
        return ticker
    }

    /// Says what to look for from now on.
    ///
    /// - Parameters:
    ///   - files: The state whose files are to be there; nil for none.
    ///   - due: When there is something to do, on the monotonic clock in nanoseconds.
    func expect(_ files: StatusFile.State?, due: Int64) { state.withLock { $0 = State(files: files, due: due) } }

    /// Waits until it is time; also ends when the task is cancelled.
    func next() async { await bell.wait() }

    private func run(_ files: NodeFiles) {
        while true {
            let expected = state.withLock { $0 }
            let rest = expected.due - min(SystemClock.monotonic, expected.due)
            if rest == 0 || expected.files.map({ !files.areThere(for: $0) }) ?? false { bell.ring() }
            Deadline.after(.nanoseconds(rest == 0 ? Self.period : min(rest, Self.period))).wait()
        }
    }
}
