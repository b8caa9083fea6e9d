// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
internal import LinuxSystem

/// The results as a table for a person and as JSON for machines.
struct Report {
    let results: Results
    let verdicts: [Budget.Verdict]

    init(_ results: Results) {
        self.results = results
        verdicts = Budget.all.compactMap { $0.verdict(results) }
    }

    /// The table, one line for each row and side.
    var table: String {
        var lines = [
            ["", "", "median", "95 %", "ratio", "processor", "peak memory", "runs"],
            ["", "", "ms", "ms", "", "ms", "MB", ""],
        ]
        for row in results.rows where row.samples.values.allSatisfy({ $0.pairsPerSecond == nil }) {
            for (index, side, samples) in sides(of: row) {
                lines.append([
                    index == 0 ? row.name : "", side.rawValue, decimal(samples.median, 2),
                    decimal(samples.percentile(95), 2), ratio(row, side) { $0.median },
                    samples.peakMemory == 0 ? "" : decimal(samples.processor, 2),
                    samples.peakMemory == 0 ? "" : decimal(Double(samples.peakMemory) / 1024, 1), "\(samples.count)",
                ])
            }
        }
        return aligned(lines) + "\n" + throughputTable
    }

    private var throughputTable: String {
        var lines = [["", "", "per second", "ratio", "failures", "rounds"]]
        for row in results.rows {
            for (index, side, samples) in sides(of: row) {
                guard let rate = samples.pairsPerSecond else { continue }
                lines.append([
                    index == 0 ? row.name : "", side.rawValue, decimal(rate, 1),
                    ratio(row, side) { $0.pairsPerSecond ?? 0 }, "\(samples.failures)", "\(samples.count)",
                ])
            }
        }
        return lines.count > 1 ? aligned(lines) : ""
    }

    /// The budgets, one line each.
    var budgets: String {
        verdicts.map { verdict in
            let mark = verdict.isMet ? "within " : verdict.isTolerable ? "beyond " : "FAILED "
            return "\(mark) \(verdict.text)" + (verdict.failures > 0 ? ", \(verdict.failures) failures" : "")
        }.joined(separator: "\n")
    }

    /// Everything measured, with units in the keys.
    var json: JSONValue {
        let rows = results.rows.map { row in
            var object = JSONObject([("row", .string(row.name))])
            for (_, side, samples) in sides(of: row) {
                object[side.rawValue] =
                    if let rate = samples.pairsPerSecond {
                        [
                            "pairsPerSecond": .real(rate), "failures": .integer(Int64(samples.failures)),
                            "rounds": .integer(Int64(samples.count)),
                        ]
                    } else {
                        [
                            "medianMilliseconds": .real(samples.median),
                            "percentile95Milliseconds": .real(samples.percentile(95)),
                            "processorMilliseconds": .real(samples.processor),
                            "peakMemoryKiB": .integer(samples.peakMemory), "runs": .integer(Int64(samples.count)),
                        ]
                    }
            }
            return JSONValue.object(object)
        }
        let budgets = verdicts.map { verdict -> JSONValue in
            [
                "budget": .string(verdict.text), "ratio": .real(verdict.ratio), "limit": .real(verdict.limit),
                "met": .boolean(verdict.isMet),
            ]
        }
        return ["rows": .array(rows), "budgets": .array(budgets)]
    }

    private func sides(of row: Row) -> [(index: Int, side: Side, samples: Samples)] {
        Side.allCases.compactMap { side in row.samples[side].map { (side, $0) } }
            .enumerated().map { ($0.offset, $0.element.0, $0.element.1) }
    }

    private func ratio(_ row: Row, _ side: Side, _ value: (Samples) -> Double) -> String {
        guard side != .reference, let base = row.samples[.reference], let samples = row.samples[side] else { return "" }
        return "\(decimal(value(samples) / value(base), 2)) x"
    }
}

/// Columns side by side: the first two to the left, figures to the right.
private func aligned(_ lines: [[String]]) -> String {
    let widths = (lines.first ?? []).indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
        let cells = line.enumerated().map { column, cell in
            let space = String(repeating: " ", count: widths[column] - cell.count)
            return column < 2 ? cell + space : space + cell
        }
        return cells.joined(separator: "  ") + "\n"
    }.joined()
}

/// A number with a fixed count of decimals.
func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite else { return "-" }
    let scale = (0..<places).reduce(Int64(1)) { scale, _ in scale * 10 }
    let scaled = Int64((value * Double(scale)).rounded())
    let fraction = String(abs(scaled) % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
}

/// A count with a comma before each three digits.
func grouped(_ count: Int) -> String {
    var text = ""
    for (index, digit) in String(count).reversed().enumerated() {
        if index > 0, index.isMultiple(of: 3) { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}

/// Writes a line to standard error.
func complain(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}
