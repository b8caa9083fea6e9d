// swift-cni, SPDX-License-Identifier: Apache-2.0

/// What a row of ours may cost.
struct Budget {
    /// What our median is compared with.
    enum Measure {
        /// The reference's median in the same row.
        case referenceTime
        /// Our own median in another row.
        case ourTime(row: String)
        /// The reference's peak memory in the same row.
        case referenceMemory
        /// Reference's pairs per second over ours; no failure.
        case referenceRate
    }

    let row: String
    let measure: Measure
    /// The largest ratio.
    let limit: Double

    /// How a result stands to its budget.
    struct Verdict {
        let text: String
        let ratio: Double
        let limit: Double
        let failures: Int

        /// Within the budget itself.
        var isMet: Bool { failures == 0 && ratio <= limit }
        /// Within the budget and a half: what a noisy machine must keep, too.
        var isTolerable: Bool { failures == 0 && ratio <= 1.5 * limit }
    }

    /// Compares; nil when what is needed has not been measured.
    func verdict(_ results: Results) -> Verdict? {
        guard let row = results[row], let ours = row.samples[.ours] else { return nil }
        let reference = row.samples[.reference]
        var failures = 0
        let ratio: Double
        let what: String
        switch measure {
        case .referenceTime:
            guard let reference else { return nil }
            (ratio, what) = (ours.median / reference.median, "of the reference's time")
        case .ourTime(let other):
            guard let base = results[other]?.samples[.ours] else { return nil }
            (ratio, what) = (ours.median / base.median, "of \(other)")
        case .referenceMemory:
            guard let reference else { return nil }
            (ratio, what) = (Double(ours.peakMemory) / Double(reference.peakMemory), "of the reference's memory")
        case .referenceRate:
            guard let theirs = reference?.pairsPerSecond, let rate = ours.pairsPerSecond else { return nil }
            (ratio, what) = (theirs / rate, "of our rate is the reference's")
            failures = ours.failures
        }
        let text = "\(row.name): \(decimal(ratio, 2)) \(what), budget \(decimal(limit, 2))"
        return Verdict(text: text, ratio: ratio, limit: limit, failures: failures)
    }

    /// The budgets of this suite.
    ///
    /// A later row comes here and in ``Benchmark``.
    static let all: [Budget] = {
        var budgets = [
            Budget(row: "loopback ADD", measure: .referenceTime, limit: 0.6),
            Budget(row: "bridge + host-local ADD", measure: .referenceTime, limit: 0.45),
            Budget(row: "bridge + host-local DEL", measure: .referenceTime, limit: 1),
            Budget(row: "bridge + host-local + ipMasq ADD", measure: .referenceTime, limit: 0.2),
            Budget(row: "bridge + host-local + ipMasq DEL", measure: .referenceTime, limit: 0.35),
            Budget(row: "bridge + portmap ADD, one port", measure: .referenceTime, limit: 0.15),
            Budget(row: "loopback ADD", measure: .referenceMemory, limit: 1.2),
            Budget(row: "bridge + host-local ADD", measure: .referenceMemory, limit: 1.2),
            Budget(row: "bridge + host-local + ipMasq ADD", measure: .referenceMemory, limit: 1.2),
            Budget(row: "portmap ADD, one port", measure: .referenceMemory, limit: 1.2),
            Budget(row: "host-local ADD, 10 reserved", measure: .referenceMemory, limit: 1.2),
            Budget(row: "pairs per second, 8 workers", measure: .referenceRate, limit: 1),
        ]
        for verb in ["ADD", "CHECK", "DEL", "DEL of unknown"] {
            budgets.append(
                Budget(
                    row: "host-local \(verb), 10,000 reserved",
                    measure: .ourTime(row: "host-local \(verb), 10 reserved"),
                    limit: 1.5
                )
            )
        }
        return budgets
    }()
}
