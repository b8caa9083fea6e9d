// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

/// A machine with an uplink and, when it is started, a real flanneld.
final class OverlayNode: @unchecked Sendable {
    let host: IsolatedHost
    let number: Int
    /// What flanneld is started with besides what follows from the number.
    var flags: [String]
    /// The variables that flanneld is started with, `NAME=value`.
    var environment: [String] = []
    /// Where the plugins are that attach containers.
    var plugins = BuiltProducts.directory
    private var daemon: ChildProcess?
    private let log: String

    init(_ number: Int, _ host: IsolatedHost, log: String, flags: [String]) {
        self.number = number
        self.host = host
        self.log = log
        self.flags = flags
    }

    /// Starts flanneld; it ends with the machine at the latest.
    ///
    /// - Parameter wrapper: A program that runs it and becomes it, such as strace with -D.
    func start(_ more: String..., wrapper: [String] = []) throws {
        try launch(
            wrapper + (environment.isEmpty ? [] : ["/usr/bin/env"] + environment)
                + ["\(BuiltProducts.directory)/flanneld", "--cni-conf-dir", "/run/cni/net.d"] + flags + more
        )
    }

    /// Starts what becomes flanneld; it ends with the machine at the latest.
    func launch(_ command: [String]) throws {
        // Beside the shell: nsenter would stop itself with a successor that is stopped, and never go on.
        let words = host.entering(
            ["/bin/sh", "-c", "\"$@\" 2>> \(log) & echo $! > /run/flanneld.pid; wait $!", "sh"] + command
        )
        daemon = try ChildProcess.start(words[0], arguments: Array(words.dropFirst()), environment: [])
    }

    /// Ends flanneld with a signal and returns how it ended.
    @discardableResult
    func stop(_ signal: Int32 = SIGTERM) throws -> ChildProcess.Outcome.Termination? {
        try send(signal)
        var termination: ChildProcess.Outcome.Termination?
        if var child = daemon.take() { termination = try child.wait().termination }
        try host.run("rm", "-f", "/run/flanneld.pid")
        return termination
    }

    /// Sends flanneld a signal.
    func send(_ signal: Int32) throws {
        try host.shell("until [ -s /run/flanneld.pid ]; do sleep 0.01; done; kill -\(signal) $(cat /run/flanneld.pid)")
    }

    /// Has flanneld, which must not run, remove all of the overlay, and returns what it said.
    @discardableResult
    func cleanUp() throws -> String {
        let words = ["/usr/bin/env"] + environment + ["\(BuiltProducts.directory)/flanneld", "cleanup"]
        return try Command.run(host.entering(words + ["--cni-conf-dir", "/run/cni/net.d"] + flags))
    }

    /// Does what a reboot does, while flanneld does not run: devices, rules, and `/run/flannel` are gone, the disk is not.
    func loseBoot() throws {
        try host.shell("rm -rf /run/flannel; ip link del flannel.1; ip link del flannel-v6.1; nft flush ruleset")
    }

    /// What flanneld has logged.
    var logged: String { (try? String(decoding: File.contents(of: log), as: UTF8.self)) ?? "" }

    /// Waits until something holds.
    func wait(
        _ what: String,
        atMost time: Duration = .seconds(20),
        until condition: () throws -> Bool
    ) throws {
        let deadline = Deadline.after(time)
        while try !condition() {
            guard deadline.remainingNanoseconds > 0 else {
                throw TestFailure("node \(number): \(what) did not come about within \(time): \(logged)")
            }
            usleep(2_000)
        }
    }

    /// Whether `status.json` says that the overlay is ready.
    var isReady: Bool { state == "ready" }

    /// What `status.json` says.
    var state: String? {
        guard let contents = try? File.contents(of: host.path("/run/flannel/status.json")),
            let document = try? JSONNode(JSONValue(parsing: contents))
        else { return nil }
        return try? document["state"]?.string()
    }

    /// How many other subnets of a family the kernel has routes to.
    func routeCount(_ family: AddressFamily) throws -> Int {
        let text = try host.run("ip", family == .v4 ? "-4" : "-6", "route", "show", "proto", "70")
        return text.split(separator: "\n").count
    }

    /// `subnet.env`, as a shell reads it.
    func environment(_ key: String) throws -> String {
        try host.shell(". /run/flannel/subnet.env; printf %s \"$\(key)\"")
    }

    /// Attaches a container, with the list that flanneld wrote, and returns its addresses.
    func attach(_ name: String) throws -> PerFamilyAddresses {
        try host.run("ip", "netns", "add", name)
        let outcome = try cnitool("add", name)
        guard outcome.termination == .exited(0) else {
            throw TestFailure("cnitool add: \(String(decoding: outcome.standardError, as: UTF8.self))")
        }
        return try PerFamilyAddresses(JSONNode(JSONValue(parsing: outcome.standardOutput)))
    }

    /// Runs cnitool for a container, with the list that flanneld wrote.
    func cnitool(_ verb: String, _ container: String, _ options: [String] = []) throws -> ChildProcess.Outcome {
        try Command.outcome(
            host.entering(["\(BuiltProducts.directory)/cnitool", verb, "cbr0", "/run/netns/\(container)"] + options),
            environment: ["CNI_PATH=\(plugins)", "NETCONFPATH=/run/cni/net.d", "PATH=/usr/sbin:/usr/bin"]
        )
    }

    /// Runs the flannel plugin as a runtime would, and returns what it printed.
    func plugin(_ verb: String) throws -> String {
        var environment = ["CNI_COMMAND=\(verb)", "CNI_PATH=\(BuiltProducts.directory)", "PATH=/usr/sbin:/usr/bin"]
        if verb == "ADD" {
            try host.shell("[ -e /run/netns/probe ] || ip netns add probe")
            environment += ["CNI_CONTAINERID=probe", "CNI_IFNAME=eth0", "CNI_NETNS=/run/netns/probe"]
        }
        let words = host.entering(["\(BuiltProducts.directory)/flannel"])
        let configuration = #"{"cniVersion":"1.1.0","name":"cbr0","type":"flannel"}"#
        let outcome = try Command.outcome(words, input: configuration, environment: environment)
        return String(decoding: outcome.standardOutput, as: UTF8.self)
    }

    /// Whether a container reaches an address.
    func reaches(_ address: IPAddress, from container: String) throws -> Bool {
        try host.outcome("ip", "netns", "exec", container, "ping", "-n", "-c", "1", "-W", "2", "\(address)").termination
            == .exited(0)
    }
}

/// A container's addresses.
struct PerFamilyAddresses: Sendable {
    /// Of each family the first.
    let v4: IPAddress?, v6: IPAddress?

    /// Reads the result of an ADD.
    init(_ result: JSONNode) throws {
        var found: [AddressFamily: IPAddress] = [:]
        for ip in try result.requiredMember("ips").elements() {
            let text = try ip.requiredMember("address").string()
            let prefix = try #require(IPPrefix(text))
            found[prefix.family] = prefix.address
        }
        (v4, v6) = (found[.v4], found[.v6])
    }

    /// All of them.
    var all: [IPAddress] { [v4, v6].compactMap { $0 } }
}
