// swift-cni, SPDX-License-Identifier: Apache-2.0

/// How often this node has written again what somebody else had changed.
///
/// Two daemons that take themselves for one node would go on for ever, as fast as the API lets them, and all nodes of the
/// cluster would follow each time. What is written for the first time is never held back.
struct Repetitions {
    /// How often within ``period`` the same is written again.
    static var limit: Int { 5 }
    static var period: Duration { .seconds(60) }

    private var last: KubernetesSubnetStore.Published?
    /// When ``last`` was written again, the latest few times.
    private var times: [ContinuousClock.Instant] = []

    /// Whether something may be written now.
    func admits(_ published: KubernetesSubnetStore.Published, at now: ContinuousClock.Instant) -> Bool {
        published != last || times.count < Self.limit || times[0].duration(to: now) >= Self.period
    }

    /// Notes that something was written.
    mutating func note(_ published: KubernetesSubnetStore.Published, at now: ContinuousClock.Instant) {
        if published == last { times = (times + [now]).suffix(Self.limit) }
        last = published
    }
}
