// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import CProcessControl
import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// A plugin that is ended at each of its system calls in turn.
    @Suite(.requiresProducts("bridge", "host-local")) struct SuddenDeath {
        /// Who is hit, and whose calls are counted.
        enum Target: String, CaseIterable, CustomTestStringConvertible {
            case plugin = "the plugin, counted over it and its delegate"
            case delegate = "the delegate, counted over itself"

            var testDescription: String { rawValue }

            func plan(call: Int, signal: Int32) -> cprocess_plan {
                switch self {
                case .plugin:
                    cprocess_plan(counted: CPROCESS_ALL, victim: CPROCESS_PROGRAM, call: call, signal: signal)
                case .delegate:
                    cprocess_plan(counted: CPROCESS_DELEGATE, victim: CPROCESS_DELEGATE, call: call, signal: signal)
                }
            }
        }

        /// Documents of an ADD for which one address of each family exists: what is leaked fails the next run.
        private func configuration(for host: TestHost) -> JSONValue {
            Networks.bridge(
                dataDirectory: host.dataDirectory,
                ranges: [
                    Networks.range("10.78.0.0/24", from: "10.78.0.9", to: "10.78.0.9"),
                    Networks.range("fd00:78::/64", from: "fd00:78::9", to: "fd00:78::9"),
                ]
            )
        }

        /// The state of a host that has had one attachment.
        private func warmedUp(_ host: TestHost, _ configuration: JSONValue) throws -> Snapshot {
            let container = try TestContainer("warm-up")
            _ = try host.add(PluginRequest("bridge", configuration, container))
            try host.succeed(PluginRequest("bridge", configuration, container), verb: "DEL")
            return try Snapshot(of: host)
        }

        @Test(arguments: Target.allCases)
        func `SIGKILL at any system call of ADD, then DEL without namespace, leaves nothing`(
            _ target: Target
        ) throws {
            let host = try TestHost()
            let configuration = configuration(for: host)
            let before = try warmedUp(host, configuration)
            var call = 0
            while true {
                call += 1
                let place: String
                let request: PluginRequest
                let wasKilled: Bool
                do {
                    let container = try TestContainer("killed-\(call)")
                    request = PluginRequest("bridge", configuration, container)
                    let plan = target.plan(call: call, signal: SIGKILL)
                    let end = try host.end(host.process(for: request), plan, call: call)
                    let (outcome, report) = (end.outcome, end.report)
                    wasKilled = report.delivered == 1
                    place = end.place
                    #expect(report.left_running == 0, "a delegate outlived its plugin; \(place)")
                    if !wasKilled {
                        #expect(outcome.termination == .exited(0), "\(outcome.summary)")
                    } else if target == .plugin {
                        #expect(outcome.termination == .signalled(SIGKILL), "\(place)")
                    } else {
                        // A delegate that dies is a failed ADD, which undoes itself; unless it had answered.
                        let answer = try Answer(outcome, to: "ADD")
                        if answer.error != nil {
                            try host.expectNothingLeft(since: before, "without DEL, \(place)")
                        }
                    }
                    let answer = try host.answer(to: request.with(verb: "DEL").withoutNamespace())
                    #expect(answer.error == nil, "DEL after \(place)")
                }
                // The container's namespace has ended with its last descriptor.
                try host.expectNothingLeft(since: before, "after DEL, \(place)")
                if !wasKilled { break }
            }
            print("SIGKILL at each of \(call - 1) system calls of \(target.rawValue)")
            // As many as a plugin needs at the very least; fewer would mean that nothing was killed at all.
            #expect(call > 50)
        }

        @Test(arguments: Target.allCases)
        func `SIGTERM at any system call of ADD ends in a result, or in one error and nothing left`(
            _ target: Target
        ) throws {
            let host = try TestHost()
            let configuration = configuration(for: host)
            let before = try warmedUp(host, configuration)
            var call = 0
            var interrupted = 0
            while true {
                call += 1
                let container = try TestContainer("terminated-\(call)")
                let request = PluginRequest("bridge", configuration, container)
                let plan = target.plan(call: call, signal: SIGTERM)
                let end = try host.end(host.process(for: request), plan, call: call)
                let (outcome, report, place) = (end.outcome, end.report, end.place)
                #expect(report.left_running == 0, "a delegate outlived its plugin; \(place)")
                if target == .plugin, outcome.termination == .signalled(SIGTERM) {
                    // Nobody can handle a signal before his program has begun; nothing has been done by then.
                    #expect(report.had_read_input == 0, "died of SIGTERM at \(place)")
                    try host.expectNothingLeft(since: before, "after sudden end, \(place)")
                } else if let error = try Answer(outcome, to: "ADD").error {
                    interrupted += 1
                    try host.expectNothingLeft(since: before, "after \(error), \(place)")
                } else {
                    #expect(try host.answer(to: request.with(verb: "DEL")).error == nil)
                    try host.expectNothingLeft(since: before, "after DEL, \(place)")
                }
                if report.delivered == 0 { break }
            }
            print("SIGTERM at each of \(call - 1) system calls of \(target.rawValue): \(interrupted) errors")
            #expect(call > 50)
            #expect(interrupted > 20, "SIGTERM hardly ever ended an ADD")
        }
    }
}
