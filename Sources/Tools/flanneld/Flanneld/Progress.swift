// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Overlay
internal import RouteNetlink

/// How far the node has come with what should be.
struct Progress: Sendable {
    /// What the last run did.
    var report: ReconciliationReport?
    /// Why the last run came to nothing; nil when it did not.
    private(set) var failure: String?
    /// Why the traffic rules are not what they should be.
    var ruleFailures: [String] = []
    /// The last repair: when, in seconds since 1970, and what.
    var lastRepair: (at: Int64, what: String)?
    /// Whether there was a run at all.
    private(set) var hasRun = false
    /// When the next run is due, on the monotonic clock in nanoseconds.
    private(set) var due: Int64 = 0
    /// How long to wait after the next failure, in nanoseconds.
    private var delay = Self.shortest

    private static var shortest: Int64 { 500_000_000 }
    private static var longest: Int64 { 30_000_000_000 }
    /// How often everything is looked at.
    private static var period: Int64 { 60_000_000_000 }

    /// Whether it is time to look at everything.
    func isDue(_ now: Int64) -> Bool { now >= due }

    /// Notes a run that was made; what it could not do is tried again soon.
    mutating func noteRun(at began: Int64, until now: Int64) {
        hasRun = true
        failure = nil
        guard report.map({ !$0.failures.isEmpty }) ?? false || !ruleFailures.isEmpty else {
            delay = Self.shortest
            due = now + Self.period
            return
        }
        retry(now)
    }

    /// Notes that a run came to nothing.
    mutating func noteFailure(_ text: String, at now: Int64) {
        failure = text
        retry(now)
    }

    private mutating func retry(_ now: Int64) {
        due = now + delay
        delay = min(delay * 2, Self.longest)
    }

    /// What keeps packets from getting everywhere, as far as the kernel is concerned.
    var problems: [String] {
        if let failure { return [failure] }
        guard let report else { return ruleFailures }
        return report.failures.filter { !$0.isHarmless }.map(\.description)
            + report.conflictingRoutes.map { "route \($0.summary) is in the way of one of ours" }
            + ruleFailures
    }
}

extension Route {
    /// Where it leads, as a person writes it.
    var summary: String {
        "\(destination)\(gateway.map { " via \($0)" } ?? "") proto \(protocolNumber ?? 0)"
    }
}
