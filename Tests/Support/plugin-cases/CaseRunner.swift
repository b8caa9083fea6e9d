// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The program: reads the cases, runs them one after the other, reports.
enum CaseRunner {
    /// Does what the command line asks for.
    ///
    /// - Returns: The exit status: 0 when all is as expected, 1 when not, 2 when the cases could not be run.
    static func main(_ words: [String]) -> Int32 {
        do throws(CaseError) {
            return try run(try Options(words))
        } catch {
            let text = "plugin-cases: \(error)\n\(Options.usage)\n"
            _ = text.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            return 2
        }
    }

    private static func run(_ options: Options) throws(CaseError) -> Int32 {
        let cases = try CaseFiles.read(options.cases).filter {
            options.filters.isEmpty || options.filters.contains(where: $0.title.contains)
        }
        guard !cases.isEmpty else {
            throw CaseError("no case's title holds \(options.filters.joined(separator: " or "))")
        }
        if options.isList {
            for testCase in cases { print(testCase.title) }
            return 0
        }
        guard geteuid() == 0 else { throw CaseError("network namespaces need root") }
        let tools = try Tools()
        let missing = try Requirement.missing(tools: tools)
        let differences = try options.differences.map { path throws(CaseError) in try Differences.read(path) }
        var report = Report(isJSON: options.isJSON, differences: differences)
        for testCase in cases {
            let lacking = testCase.requirements.filter(missing.contains)
            if lacking.isEmpty {
                let problems = CaseRun.problems(testCase, plugins: options.plugins, tools: tools)
                report.add(testCase.title, problems.isEmpty ? .passed : .failed(problems))
            } else {
                report.add(testCase.title, .needsVM(lacking))
            }
        }
        return report.close()
    }
}
