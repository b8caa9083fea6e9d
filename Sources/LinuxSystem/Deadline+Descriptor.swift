// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux

extension Deadline {
    /// Waits until a descriptor has something to read.
    ///
    /// - Returns: Whether it has; false when the deadline came first.
    /// - Throws: `EINTR` when a termination signal arrived while waiting (see ``TerminationSignals``).
    public func waitUntilReadable(_ descriptor: Int32, subject: String = "") throws(SystemCallError) -> Bool {
        while true {
            let ready = clinux_wait_readable(descriptor, remainingNanoseconds)
            if ready >= 0 { return ready > 0 }
            let number = ErrorNumber(rawValue: -ready)
            if number != .interrupted || TerminationSignals.received != nil {
                throw SystemCallError("ppoll", on: subject, number)
            }
        }
    }
}
