// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension OverlayNode {
    /// Where strace writes.
    private static var trace: String { "/run/trace" }

    /// Starts flanneld and has it watched for what it writes to the kernel.
    func startTraced() throws {
        try start(
            wrapper: [
                "/usr/bin/strace", "-D", "-f", "-qq", "-s", "256", "-e", "trace=sendto,sendmsg,openat", "-o",
                Self.trace,
            ]
        )
    }

    /// Ends flanneld and returns each system call with which it changed something in the kernel.
    func stopTraced() throws -> [Substring] {
        try stop()
        let lines = try String(decoding: File.contents(of: host.path(Self.trace)), as: UTF8.self).split(separator: "\n")
        // Without its questions nothing was watched.
        guard lines.count(where: { $0.contains("nlmsg_type=") || $0.contains("nlmsg_flags=") }) > 10 else {
            throw TestFailure("node \(number): strace has seen nothing: \(lines.suffix(5))")
        }
        return lines.filter { line in
            ["RTM_NEW", "RTM_DEL", "RTM_SET", "BATCH_BEGIN", "NFT_MSG_NEW", "NFT_MSG_DEL"].contains {
                line.contains($0)
            }
                || (line.contains("/proc/sys") && (line.contains("O_WRONLY") || line.contains("O_RDWR")))
        }
    }

    /// The memory of flanneld that is no file's, in kilobytes.
    func anonymousMemory() throws -> Int {
        let text = try host.shell("awk '/^RssAnon:/ { print $2 }' /proc/$(cat /run/flanneld.pid)/status")
        guard let kilobytes = Int(text.filter { !$0.isWhitespace }) else { throw TestFailure("no RssAnon: \(text)") }
        return kilobytes
    }

    private func process(_ file: String) throws -> String {
        let number = try host.shell("cat /run/flanneld.pid").split(separator: "\n").joined()
        return String(decoding: try File.contents(of: host.path("/proc/\(number)/\(file)")), as: UTF8.self)
    }

    /// A size from `/proc/PID/status`, in megabytes.
    func megabytes(_ key: String) throws -> Double {
        let line = try #require(try process("status").split(separator: "\n").first { $0.hasPrefix("\(key):") })
        let words = line.split { $0 == " " || $0 == "\t" }
        return try #require(Double(words[1])) / 1024
    }

    /// How many milliseconds of processor time flanneld has used.
    func processorTime() throws -> Double {
        // The name, in brackets, may hold anything.
        let fields = try process("stat").components(of: ") ")[1].split(separator: " ")
        return (try #require(Double(fields[11])) + (try #require(Double(fields[12])))) * 10
    }

    /// Asks flanneld's health server, which must listen on port 8081.
    func ask(_ path: String) throws -> String {
        try host.shell(
            """
            bash -c 'exec 3<>/dev/tcp/127.0.0.1/8081; printf "GET \(path) HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
            """
        )
    }

    /// The value of one of flanneld's metrics.
    func metric(_ name: String) throws -> Int {
        let lines = try ask("/metrics").split(whereSeparator: \.isNewline)
        guard let line = lines.first(where: { $0.hasPrefix("\(name) ") }),
            let value = Int(line.dropFirst(name.count + 1))
        else { throw TestFailure("no \(name)") }
        return value
    }

    /// What `flanneld status --json` says.
    func status() throws -> JSONNode {
        let outcome = try host.outcome("\(BuiltProducts.directory)/flanneld", "status", "--json")
        return JSONNode(try JSONValue(parsing: outcome.standardOutput))
    }

    /// What `status.json` says last went wrong.
    var lastError: String {
        let contents = (try? File.contents(of: host.path("/run/flannel/status.json"))) ?? []
        let document = try? JSONNode(JSONValue(parsing: contents))
        return (try? document?["lastError"]?.string()) ?? ""
    }

    /// The subnets that `subnet.env` names.
    func subnets() throws -> String {
        try host.shell(". /run/flannel/subnet.env; echo \"$FLANNEL_SUBNET $FLANNEL_IPV6_SUBNET\"")
    }

    /// Whether a container reaches all of some addresses, asked at once.
    func reachesAll(_ addresses: [IPAddress], from container: String) throws -> Bool {
        let script = """
            numbers=
            for address in \(addresses.map(\.description).joined(separator: " ")); do
                ip netns exec \(container) ping -n -q -c 1 -W 1 $address >/dev/null 2>&1 & numbers="$numbers $!"
            done
            for number in $numbers; do wait $number || exit 1; done
            """
        return try host.outcome("/bin/sh", "-c", script).termination == .exited(0)
    }

    /// Sends packets from a container while something happens.
    func pinging(
        _ address: IPAddress,
        from container: String,
        count: Int,
        milliseconds: Int,
        _ body: () throws -> Void
    ) throws -> String {
        let interval = milliseconds < 10 ? "0.00\(milliseconds)" : "0.0\(milliseconds)"
        let words = host.entering([
            "ip", "netns", "exec", container, "ping", "-n", "-q", "-i", interval, "-c", "\(count)", "-W", "2",
            "\(address)",
        ])
        var ping = try ChildProcess.start(words[0], arguments: Array(words.dropFirst()), environment: ["LC_ALL=C"])
        usleep(300_000)
        try body()
        return String(decoding: try ping.wait().standardOutput, as: UTF8.self)
    }
}
