// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// One run of the kernel, from power-on to power-off: what was written down before it may be out of date.
public struct Boot: Hashable, Sendable {
    /// The kernel's random name of this run, 36 characters, from `/proc/sys/kernel/random/boot_id`; empty when /proc
    /// is missing.
    public let identifier: String
    /// When it began, in nanoseconds since 1970 by the clock as it is now: setting the clock moves it.
    public let start: Int64

    /// Describes a boot, as tests need it.
    public init(identifier: String, start: Int64) {
        self.identifier = identifier
        self.start = start
    }

    /// The boot this process runs in.
    public static var current: Boot {
        let identifier = (try? Sysctl("kernel/random/boot_id").read()) ?? ""
        return Boot(identifier: identifier, start: SystemClock.now - SystemClock.nanosecondsSinceBoot)
    }
}

/// The kernel's clocks, in nanoseconds.
public enum SystemClock {
    /// The wall clock, since 1970.
    ///
    /// The corresponding C constant is `CLOCK_REALTIME`.
    public static var now: Int64 { read(CLOCK_REALTIME) }

    /// How long the kernel has been running, suspension included.
    ///
    /// The corresponding C constant is `CLOCK_BOOTTIME`.
    public static var nanosecondsSinceBoot: Int64 { read(CLOCK_BOOTTIME) }

    /// Time that only goes forward, from a point that means nothing.
    ///
    /// The corresponding C constant is `CLOCK_MONOTONIC`.
    public static var monotonic: Int64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
