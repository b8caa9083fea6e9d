// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Measurements of one job by one side.
struct Samples {
    private var walls: [Int64] = []
    private var processors: [Int64] = []
    private var rates: [Double] = []

    /// The largest resident set of any run, in KiB.
    private(set) var peakMemory: Int64 = 0
    /// How many pairs of a throughput row failed.
    private(set) var failures = 0

    mutating func append(_ measurement: MeasuredProgram.Measurement) {
        walls.append(measurement.wall)
        processors.append(measurement.processor)
    }

    mutating func append(peakMemory: Int64) { self.peakMemory = max(self.peakMemory, peakMemory) }

    mutating func append(pairsPerSecond: Double, failures: Int) {
        rates.append(pairsPerSecond)
        self.failures += failures
    }

    /// How many runs or rounds were measured.
    var count: Int { max(walls.count, rates.count) }

    /// Wall time that half of the runs stayed below, in milliseconds.
    var median: Double { percentile(50) }

    /// Wall time that a part of the runs stayed below, in milliseconds (nearest rank).
    func percentile(_ percent: Int) -> Double { Double(nearestRank(walls, percent) ?? 0) / 1e6 }

    /// The median of processor time, in milliseconds.
    var processor: Double { Double(nearestRank(processors, 50) ?? 0) / 1e6 }

    /// The median of the rounds of a throughput row; nil in other rows.
    var pairsPerSecond: Double? { nearestRank(rates, 50) }

    private func nearestRank<Value: Comparable>(_ values: [Value], _ percent: Int) -> Value? {
        guard !values.isEmpty else { return nil }
        let rank = (values.count * percent + 99) / 100
        return values.sorted()[max(rank, 1) - 1]
    }
}
