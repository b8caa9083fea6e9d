// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

/// What is counted from the daemon's start on, for `/metrics`.
struct Counters: Sendable {
    /// Changes made because something else should be, by kind.
    private(set) var changes: [String: Int] = [:]
    /// Changes made because somebody else changed something, by kind.
    private(set) var repairs: [String: Int] = [:]
    /// Requests that the kernel refused, and runs that came to nothing.
    var kernelErrors = 0
    /// How often the lease was taken or renewed.
    private(set) var renewals = 0
    /// How many runs there were, and how long they took in nanoseconds, all together and the last.
    private(set) var runs: Int64 = 0, runTime: Int64 = 0, lastRunTime: Int64 = 0
    /// When the store was read last, in seconds since 1970; 0 for never.
    private(set) var lastSnapshot: Int64 = 0
    /// Whether the store can be read, as far as is known.
    private(set) var isStoreUp = false

    mutating func note(_ report: ReconciliationReport, isRepair: Bool) {
        kernelErrors += report.failures.count
        for (kind, count) in report.repairs { note(kind.rawValue, count, isRepair) }
    }

    mutating func note(_ report: TrafficRuleReport, isRepair: Bool) {
        kernelErrors += report.failures.count
        for (kind, count) in report.repairs { note(kind.rawValue, count, isRepair) }
    }

    mutating func noteRenewal() { renewals += 1 }

    mutating func noteRun(_ nanoseconds: Int64) {
        runs += 1
        runTime += nanoseconds
        lastRunTime = nanoseconds
    }

    mutating func noteSnapshot(_ snapshot: SubnetSnapshot) {
        isStoreUp = snapshot.outage == nil
        if isStoreUp { lastSnapshot = SystemClock.now / 1_000_000_000 }
    }

    private mutating func note(_ kind: String, _ count: Int, _ isRepair: Bool) {
        if isRepair { repairs[kind, default: 0] += count } else { changes[kind, default: 0] += count }
    }
}
