// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON

/// How the cases went, printed line by line or as one document.
struct Report {
    /// How one case went.
    enum Verdict {
        /// As expected.
        case passed
        /// Not as expected, and why.
        case failed([String])
        /// The kernel lacks what the case requires.
        case needsVM([String])
    }

    private let isJSON: Bool
    private let differences: Differences?
    private var entries: [(title: String, verdict: Verdict)] = []

    /// An empty report.
    init(isJSON: Bool, differences: Differences?) {
        self.isJSON = isJSON
        self.differences = differences
    }

    /// Adds a case and prints its line.
    mutating func add(_ title: String, _ verdict: Verdict) {
        entries.append((title, verdict))
        guard !isJSON else { return }
        switch verdict {
        case .passed:
            print("passed  \(title)")
            if differences?.reason(for: title) != nil { print("        is listed as a difference, but passes") }
        case .failed(let problems):
            if let reason = differences?.reason(for: title) {
                print("differs \(title)\n        \(reason)")
            } else {
                print("FAILED  \(title)")
                for problem in problems { print("        \(problem)") }
            }
        case .needsVM(let names):
            // A case about a kernel without something is not for the VM, which has it all.
            let needs = names.contains { $0.hasPrefix("no-") } ? "is not for this kernel" : "needs the VM"
            print("skipped \(title): \(needs) (\(names.joined(separator: ", ")))")
        }
        fflush(nil)
    }

    /// Prints what closes the report.
    ///
    /// - Returns: The exit status: 0 when all is as expected.
    func close() -> Int32 {
        let failed = entries.filter { if case .failed = $0.verdict { true } else { false } }.map(\.title)
        let skipped = entries.filter { if case .needsVM = $0.verdict { true } else { false } }.map(\.title)
        let expected = (differences?.titles ?? []).intersection(entries.map(\.title)).subtracting(skipped)
        let unexpected = Set(failed).subtracting(expected)
        let absent = expected.subtracting(failed)
        if isJSON {
            print(String(decoding: document.text(.indented), as: UTF8.self))
        } else {
            for title in absent.sorted() { print("passes although listed as a difference: \(title)") }
            let passed = entries.count - failed.count - skipped.count
            print("\(passed) passed, \(failed.count) failed, \(skipped.count) skipped")
            if differences != nil {
                print("\(unexpected.count) failures that are not listed, \(absent.count) listed that passed")
            }
        }
        return unexpected.isEmpty && absent.isEmpty ? 0 : 1
    }

    private var document: JSONValue {
        .array(
            entries.map { entry in
                switch entry.verdict {
                case .passed: ["case": .string(entry.title), "verdict": "passed"]
                case .failed(let problems):
                    ["case": .string(entry.title), "verdict": "failed", "problems": .strings(problems)]
                case .needsVM(let names):
                    ["case": .string(entry.title), "verdict": "skipped", "requires": .strings(names)]
                }
            }
        )
    }
}
