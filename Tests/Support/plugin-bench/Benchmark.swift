// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// All rows, in the order of the report.
struct Benchmark {
    let options: Options

    /// Measures what the filter lets through.
    func run() throws -> Results {
        let ours = PluginDirectory(side: .ours, path: options.ours)
        let reference = PluginDirectory(side: .reference, path: options.reference)
        let sides = [ours, reference]
        let schedule = Schedule(repetitions: options.pairs)
        var results = Results()

        if includes("VERSION (start-up)") {
            try schedule.run(try sides.map { try StartUpContender($0) }, into: &results)
        }
        if includes("loopback ADD") {
            let contenders: [any Contender] = try sides.map { try LoopbackContender($0) }
            try schedule.run(contenders + [try KernelLoopbackContender()], into: &results)
        }
        if includes("bridge + host-local ADD DEL") {
            let contenders: [any Contender] = try sides.map { try BridgeContender($0, scratch: options.scratch) }
            try schedule.run(contenders + [try KernelBridgeContender()], into: &results)
        }
        if includes("bridge + host-local + ipMasq ADD DEL") {
            try schedule.run(
                try sides.map { try BridgeContender($0, masquerades: true, scratch: options.scratch) },
                into: &results
            )
        }
        if includes("bridge + portmap ADD DEL, one port") {
            try schedule.run(try sides.map { try PublishedPortContender($0, scratch: options.scratch) }, into: &results)
        }
        if includes("host-local ADD CHECK DEL, 10 reserved, 10,000 reserved") {
            // In one schedule, because they are compared with each other.
            var contenders: [any Contender] = []
            for plugins in sides {
                for reservations in [10, 10_000] {
                    contenders.append(
                        try HostLocalContender(plugins, reservations: reservations, scratch: options.scratch)
                    )
                }
            }
            try schedule.run(contenders, into: &results)
        }
        let throughput = Throughput(ours: ours, reference: reference, scratch: options.scratch)
        for workers in [1, 8] where includes("pairs per second, \(workers) workers") {
            try throughput.run(
                workers: workers,
                pairs: max(16, options.pairs),
                rounds: options.pairs < 100 ? 2 : 4,
                into: &results
            )
        }
        return results
    }

    private func includes(_ name: String) -> Bool { options.filter.isEmpty || name.contains(options.filter) }
}
