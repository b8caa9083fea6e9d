// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension Snapshot {
    /// Looks again and again until nothing differs; the kernel gets two seconds to finish the removal of a namespace.
    ///
    /// - Throws: when something is left: what one run leaves fails all that follow, and the first complaint is the one to
    ///   read.
    func expectAgain(
        _ place: @autoclosure () -> String,
        sourceLocation: SourceLocation,
        _ look: () throws -> Snapshot
    ) throws {
        var difference = try look().difference(from: self)
        for _ in 0..<40 where !difference.isEmpty {
            usleep(50_000)
            difference = try look().difference(from: self)
        }
        try #require(difference == [], "\(place())", sourceLocation: sourceLocation)
    }
}

extension TestHost {
    /// Compares with an earlier snapshot.
    func expectNothingLeft(
        since before: Snapshot,
        _ place: @autoclosure () -> String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try before.expectAgain(place(), sourceLocation: sourceLocation) { try Snapshot(of: self) }
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

extension IsolatedHost {
    /// Looks at the machine's network and at some of its directories.
    func snapshot(_ directories: [String]) throws -> Snapshot {
        try Snapshot(of: .open("/proc/\(process)/ns/net"), files: directories.map(path))
    }

    /// Compares with an earlier snapshot of the same directories.
    func expectNothingLeft(
        since before: Snapshot,
        _ directories: [String],
        _ place: @autoclosure () -> String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try before.expectAgain(place(), sourceLocation: sourceLocation) { try snapshot(directories) }
    }
}
