// swift-cni, SPDX-License-Identifier: Apache-2.0

import CProcessControl
import LinuxSystem

extension TestHost {
    /// What became of a plugin that was ended at one of its system calls.
    struct SuddenEnd {
        let outcome: PluginProcess.Outcome
        let report: cprocess_report
        /// Which call it was, for the message of an expectation.
        let place: String
    }

    /// Runs a plugin on the host that is sent a signal as the plan says.
    func end(_ process: PluginProcess, _ plan: cprocess_plan, call: Int) throws -> SuddenEnd {
        let (outcome, report) = try namespace.run { Result { try process.trace(plan) } }.get()
        let place = "call \(call) (system call number \(report.call_number)): \(outcome.summary)"
        return SuddenEnd(outcome: outcome, report: report, place: place)
    }

    /// Sends a plugin a signal at its first system call, then runs it anew for the second, and so on, until there is no such
    /// call any more.
    ///
    /// - Returns: The number of runs; in the last the plugin was left alone.
    func endAtEachCall(
        by signal: Int32,
        _ process: (_ call: Int) throws -> PluginProcess,
        then look: (SuddenEnd) throws -> Void
    ) throws -> Int {
        for call in 1... {
            let plan = cprocess_plan(counted: CPROCESS_PROGRAM, victim: CPROCESS_PROGRAM, call: call, signal: signal)
            let end = try end(try process(call), plan, call: call)
            try look(end)
            if end.report.delivered == 0 { return call }
        }
        return 0
    }
}
