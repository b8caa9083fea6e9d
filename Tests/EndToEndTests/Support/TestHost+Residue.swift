// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension TestHost {
    /// Compares with an earlier snapshot; the kernel gets two seconds to finish the removal of a namespace.
    ///
    /// - Throws: when something is left: what one run leaves fails all that follow, and the first complaint is the one to
    ///   read.
    func expectNothingLeft(
        since before: Snapshot,
        _ place: @autoclosure () -> String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var difference = try Snapshot(of: self).difference(from: before)
        for _ in 0..<40 where !difference.isEmpty {
            usleep(50_000)
            difference = try Snapshot(of: self).difference(from: before)
        }
        try #require(difference == [], "\(place())", sourceLocation: sourceLocation)
    }

    /// Runs `cnitool prune` on the host and returns the names of what it removed.
    func prune(_ words: String...) throws -> [String] {
        let tool = "\(BuiltProducts.directory)/cnitool"
        let options = ["prune", "--cache-dir", path("cache"), "--data-dir", dataDirectory]
        let output = try namespace.run { Result { try Command.run([tool] + options + words) } }.get()
        return try JSONNode(JSONValue(parsing: output.utf8)).elements().map {
            try $0.requiredMember("names").string()
        }
    }
}
