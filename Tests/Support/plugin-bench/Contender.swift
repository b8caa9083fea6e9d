// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Whose work is measured.
enum Side: String, CaseIterable {
    /// The plugins of this package.
    case ours
    /// Debian's containernetworking-plugins.
    case reference
    /// The same changes of the kernel's state, made by this program over open sockets.
    case kernel
}

/// Something that is run again and again, in turns with others that do the same job.
protocol Contender: AnyObject {
    /// Whose work it is.
    var side: Side { get }

    /// Whether it takes part in every tenth turn only, at least five times in all.
    var isSlow: Bool { get }

    /// One run of the job, from a state to the same state; each measured part goes into a row.
    func cycle(into results: inout Results) throws
}

extension Contender {
    var isSlow: Bool { false }
}

/// What has been measured so far, by row and side.
struct Results {
    /// Rows in the order in which they appeared.
    private(set) var rows: [Row] = []
    /// What runs are for just now.
    var purpose = Purpose.time

    /// What is looked at in a run: the two disturb each other, see ``MeasuredProgram/Start``.
    enum Purpose {
        /// Wall and processor time.
        case time
        /// Peak memory.
        case memory
    }

    /// Runs a program and notes what it took.
    mutating func measure(_ row: String, _ side: Side, _ program: MeasuredProgram) throws {
        add(row, side, try run(program))
    }

    /// Runs a program as the purpose of the run demands, for rows that are made of several.
    func run(_ program: MeasuredProgram) throws -> MeasuredProgram.Measurement {
        try program.run(purpose == .time ? .spawned : .forked)
    }

    /// Notes what one or several programs took.
    mutating func add(_ row: String, _ side: Side, _ measurement: MeasuredProgram.Measurement) {
        switch purpose {
        case .time: change(row, side) { $0.append(measurement) }
        case .memory: change(row, side) { $0.append(peakMemory: measurement.peakMemory) }
        }
    }

    /// Notes the time of work that this program did itself.
    mutating func add(_ row: String, _ side: Side, nanoseconds: Int64) {
        guard purpose == .time else { return }
        change(row, side) { $0.append(MeasuredProgram.Measurement(wall: nanoseconds)) }
    }

    /// Notes one round of a throughput row.
    mutating func add(_ row: String, _ side: Side, pairsPerSecond: Double, failures: Int) {
        change(row, side) { $0.append(pairsPerSecond: pairsPerSecond, failures: failures) }
    }

    /// The row with a name, when something has been measured for it.
    subscript(row: String) -> Row? { rows.first { $0.name == row } }

    private mutating func change(_ row: String, _ side: Side, _ body: (inout Samples) -> Void) {
        let index: Int
        if let known = rows.firstIndex(where: { $0.name == row }) {
            index = known
        } else {
            index = rows.count
            rows.append(Row(name: row))
        }
        body(&rows[index].samples[side, default: Samples()])
    }
}

/// A line of the report: one job, by everyone who did it.
struct Row {
    let name: String
    var samples: [Side: Samples] = [:]
}

/// Runs contenders in turns.
struct Schedule {
    /// How often each runs.
    let repetitions: Int

    /// Runs all of them the same number of times, in one order and then in the other.
    ///
    /// So neither the machine's mood nor the neighbour in the order favours one. The first run of each is not looked
    /// at: it makes the bridge, builds an index, fills caches.
    func run(_ contenders: [any Contender], into results: inout Results) throws {
        var ignored = Results()
        for contender in contenders { try contender.cycle(into: &ignored) }
        results.purpose = .memory
        for _ in 0..<3 { for contender in contenders { try contender.cycle(into: &results) } }
        results.purpose = .time
        let stride = max(1, min(10, repetitions / 5))
        for turn in 0..<repetitions {
            for contender in turn.isMultiple(of: 2) ? contenders : contenders.reversed() {
                if contender.isSlow, !turn.isMultiple(of: stride) { continue }
                try contender.cycle(into: &results)
            }
        }
    }
}
