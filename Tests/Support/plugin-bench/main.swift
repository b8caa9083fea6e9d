// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
internal import LinuxSystem

do {
    let options = try Options(Array(CommandLine.arguments.dropFirst()))
    if let worker = options.worker {
        try Throughput.work(options, worker: worker)
    } else {
        // All plugins see this namespace as the host's; it ends with this program.
        let host = try NetworkNamespace.temporary()
        let results = try host.run { Result { try Benchmark(options: options).run() } }.get()
        let report = Report(results)
        print(report.table)
        print(report.budgets)
        if !options.json.isEmpty { try File.replace(options.json, with: report.json.text(.indented), mode: 0o644) }
        let failed = report.verdicts.count { options.gate ? !$0.isTolerable : !$0.isMet }
        print("bench: \(report.verdicts.count - failed) passed, \(failed) failed")
        exit(options.gate && failed > 0 ? 1 : 0)
    }
} catch {
    complain("plugin-bench: \(error)")
    exit(1)
}
