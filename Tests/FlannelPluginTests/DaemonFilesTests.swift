// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import JSON
import LinuxSystem
import LinuxTesting
import Testing

@testable import FlannelPlugin

/// What flanneld tells by its files.
@Suite struct DaemonFilesTests {
    private func status(_ text: String) -> DaemonStatus? {
        (try? JSONValue(parsing: text.utf8)).flatMap { DaemonStatus($0) }
    }

    @Test func `reads state, reason and time, and passes over what it does not know`() {
        let status = status(#"{"state":"degraded","lastError":"no uplink","since":"2026-11-23T14:00:00Z","x":[1]}"#)
        #expect(status?.isDegraded == true)
        #expect(status?.description == "flanneld is degraded since 2026-11-23T14:00:00Z: no uplink")
    }

    @Test(arguments: [
        (#"{"state":"starting"}"#, "flanneld is starting"),
        (#"{"state":"ready","lastError":"","since":""}"#, "flanneld is ready"),
        (#"{"state":"starting","lastError":"x","since":5}"#, "flanneld is starting: x"),
    ])
    func `says no more than there is`(text: String, expected: String) {
        #expect(status(text)?.description == expected)
        #expect(status(text)?.isDegraded == false)
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"state":""}"#, #"{"state":1}"#, "null"])
    func `is nothing when it says no state`(text: String) { #expect(status(text) == nil) }

    @Test func `the reason for a missing file is beside it`() throws {
        let directory = try TemporaryDirectory()
        let files = DaemonFiles(subnetFile: directory.appending("subnet.env"))
        let without = #expect(throws: CNIError.self) { try files.environment() }
        #expect(without?.message.contains("no reason in \(directory.appending("status.json"))") == true)
        try File.replace(
            directory.appending("status.json"),
            with: Array(#"{"state":"starting","lastError":"why"}"#.utf8)
        )
        let with = #expect(throws: CNIError.self) { try files.environment() }
        #expect(with?.code == .tryAgainLater)
        #expect(with?.message.contains("flanneld is starting: why") == true, "\(with?.message ?? "")")
    }
}
