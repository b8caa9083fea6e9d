// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import LinuxSystem

/// What an ADD has done so far and how each piece is taken back.
///
/// Only what this invocation was granted belongs here. A failed ADD runs the list newest first; a successful one
/// forgets it. Network-wide things (bridge, gateway addresses, forwarding) are never in it.
public final class UndoList {
    private typealias Action = () throws(CNIError) -> Void
    private var entries: [(what: String, action: Action)] = []

    /// Starts empty.
    public init() {}

    /// Registers how to take back what was just done.
    ///
    /// - Parameter what: The inverse as a person would say it: "remove link vethabc".
    /// - Throws: ``CNIError`` with code 106 when a termination signal has arrived: the moment to stop, with this
    ///   entry already in the list.
    public func register(_ what: String, _ action: @escaping () throws(CNIError) -> Void) throws(CNIError) {
        entries.append((what, action))
        try UndoList.stopIfInterrupted()
    }

    /// Throws ``CNIError`` with code 106 when a termination signal has arrived.
    public static func stopIfInterrupted() throws(CNIError) {
        if let signal = TerminationSignals.received {
            throw CNIError(.interrupted, "interrupted by signal \(signal); what had been done was undone")
        }
    }

    /// Takes everything back, newest first; a failure does not keep the rest from being tried.
    ///
    /// - Returns: What could not be taken back, a line each.
    func run() -> [String] {
        // The signal that led here must not reach the delegates that are run now.
        TerminationSignals.acknowledge()
        var failures: [String] = []
        while let entry = entries.popLast() {
            do { try entry.action() } catch { failures.append("could not undo: \(entry.what): \(error)") }
        }
        return failures
    }
}
