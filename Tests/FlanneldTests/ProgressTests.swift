// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable import Flanneld

@Suite struct ProgressTests {
    private static let second: Int64 = 1_000_000_000

    @Test func `everything is looked at each minute`() {
        var progress = Progress()
        #expect(progress.isDue(0))
        progress.noteRun(at: 0, until: Self.second)
        #expect(progress.hasRun)
        #expect(!progress.isDue(60 * Self.second))
        #expect(progress.isDue(61 * Self.second))
    }

    @Test func `what failed is tried again soon, and then ever later`() {
        var progress = Progress()
        var now: Int64 = 0
        var waits: [Int64] = []
        for _ in 0..<10 {
            progress.noteFailure("no memory", at: now)
            #expect(progress.problems == ["no memory"])
            let failed = now
            while !progress.isDue(now) { now += Self.second / 10 }
            waits.append((now - failed) / (Self.second / 10))
        }
        #expect(waits.prefix(4) == [5, 10, 20, 40])
        #expect(waits.max() == 300)
        progress.noteRun(at: now, until: now)
        #expect(progress.problems.isEmpty)
        progress.noteFailure("no memory", at: now)
        #expect(progress.isDue(now + Self.second / 2))
    }

    @Test func `traffic rules that the kernel refuses keep the node from being ready`() {
        var progress = Progress()
        progress.ruleFailures = ["no nf_tables"]
        progress.noteRun(at: 0, until: 0)
        #expect(progress.isDue(Self.second))
    }
}
