// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting

/// A `ping(8)` that runs beside the test for a given time.
struct Ping: ~Copyable {
    private var process: ChildProcess

    /// What a finished ping saw.
    struct Report {
        /// How many requests were sent.
        let sent: Int
        /// When answers arrived, in seconds since 1970.
        let answers: [Double]
        /// All it printed.
        let output: String
    }

    /// Starts to ping an address from a namespace, 50 times a second.
    static func start(_ address: IPAddress, from namespace: borrowing NetworkNamespace, seconds: Int) throws -> Ping {
        let words = ["-n", "-D", "-i", "0.02", "-w", "\(seconds)", address.description]
        let process = try namespace.run {
            Result { try ChildProcess.start("/usr/bin/ping", arguments: words, environment: ["LC_ALL=C"]) }
        }
        return Ping(process: try process.get())
    }

    private init(process: consuming ChildProcess) { self.process = process }

    /// Waits for the end of the time.
    consuming func finish() throws -> Report {
        let outcome = try process.wait()
        let output = String(decoding: outcome.standardOutput, as: UTF8.self)
        let answers = output.split(separator: "\n").compactMap { line -> Double? in
            guard line.hasPrefix("["), line.contains(" bytes from "), let end = line.firstIndex(of: "]") else {
                return nil
            }
            return Double(line[line.index(after: line.startIndex)..<end])
        }
        // "150 packets transmitted, 150 received, ..."
        let summary = output.split(separator: "\n").first { $0.contains(" packets transmitted") }
        guard let sent = summary.flatMap({ $0.split(separator: " ").first }).flatMap({ Int($0) }) else {
            throw TestFailure(
                "ping: \(output)\(String(decoding: outcome.standardError, as: UTF8.self))"
            )
        }
        return Report(sent: sent, answers: answers, output: output)
    }

    /// Seconds since 1970, on the clock of ping's time stamps.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
