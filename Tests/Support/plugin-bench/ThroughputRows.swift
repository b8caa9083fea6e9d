// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// ADD/DEL pairs of bridge with host-local by several workers at once; each worker is a copy of this program.
struct Throughput {
    let ours: PluginDirectory
    let reference: PluginDirectory
    let scratch: String

    /// Runs rounds in turns for both sides.
    ///
    /// - Parameter pairs: How many pairs all workers do together in a round.
    func run(workers: Int, pairs: Int, rounds: Int, into results: inout Results) throws {
        for round in 0..<rounds {
            for plugins in round.isMultiple(of: 2) ? [ours, reference] : [reference, ours] {
                let perWorker = max(1, pairs / workers)
                let programs = try (1...workers).map { worker in
                    try MeasuredProgram(
                        "/proc/self/exe",
                        arguments: [
                            "--worker", "\(worker)", "--pairs", "\(perWorker)", "--ours", plugins.path,
                            "--side", plugins.side.rawValue, "--scratch", scratch,
                        ],
                        environment: []
                    )
                }
                let begun = SystemClock.monotonic
                let running = try programs.map { try $0.start() }
                var failures = 0
                for (program, worker) in zip(programs, running) {
                    if try worker.wait().status != 0 {
                        failures += 1
                        complain("a worker of \(plugins.side) failed: \(try program.outputText())")
                    }
                }
                let seconds = Double(SystemClock.monotonic - begun) / 1e9
                results.add(
                    "pairs per second, \(workers) \(workers == 1 ? "worker" : "workers")",
                    plugins.side,
                    pairsPerSecond: Double(workers * perWorker) / seconds,
                    failures: failures
                )
            }
        }
    }

    /// The work of one worker: pairs, one after the other, for a container of its own.
    static func work(_ options: Options, worker: Int) throws {
        let plugins = PluginDirectory(side: options.side, path: options.ours)
        let container = try NetworkNamespace.temporary()
        let configuration = BridgeContender.configuration(options.side, scratch: options.scratch)
        func call(_ verb: String) throws -> MeasuredProgram {
            try plugins.call(
                "bridge",
                verb,
                container: "worker-\(worker)",
                namespace: container.path,
                configuration: configuration
            )
        }
        let (add, delete) = (try call("ADD"), try call("DEL"))
        for _ in 0..<options.pairs {
            try add.run()
            try delete.run()
        }
    }
}
