// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A point on the monotonic clock by which something must have happened.
public struct Deadline: Hashable, Sendable {
    private let nanoseconds: Int64

    /// The point this far from now; a negative duration gives one that has passed.
    public static func after(_ duration: Duration) -> Deadline {
        let (seconds, attoseconds) = duration.components
        let distance = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !distance.overflow else { return Deadline(nanoseconds: seconds < 0 ? .min : .max) }
        let (sum, overflow) = SystemClock.monotonic.addingReportingOverflow(
            distance.partialValue + attoseconds / 1_000_000_000
        )
        return Deadline(nanoseconds: overflow ? .max : sum)
    }

    /// The time left in nanoseconds, 0 when it has passed.
    public var remainingNanoseconds: Int64 { max(0, nanoseconds.subtractingReportingOverflow(SystemClock.monotonic).0) }

    /// Waits for the deadline, where there is nothing else to wait for.
    public func wait() {
        var left = remainingNanoseconds
        while left > 0 {
            var time = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            nanosleep(&time, nil)
            left = remainingNanoseconds
        }
    }
}
