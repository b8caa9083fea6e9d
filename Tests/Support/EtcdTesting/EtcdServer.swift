// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import LinuxTesting

/// One member of an etcd cluster, as Debian has it, on a loopback address of its own.
///
/// It ends with the last reference, and with the process that started it, however that ends.
public final class EtcdServer: Sendable {
    /// How a member is started.
    public struct Options: Sendable {
        /// What is added to the command line.
        public var arguments: [String] = []
        /// The words before the command line that bring it elsewhere, such as into a namespace.
        public var wrapper: [String] = []
        /// What is added to the command line of `etcdctl`.
        public var clientArguments: [String] = []
        /// `http` or `https`.
        public var scheme = "http"
        /// The names and addresses for peers of all members, this one's included; empty for a cluster of one.
        public var cluster: [(name: String, address: String)] = []
        /// This member's name.
        public var name = "only"
        /// This member's address.
        public var address = EtcdServer.randomAddress

        /// One member, without TLS.
        public init() {}
    }

    /// An address that no other server of this machine has, as far as chance goes.
    public static var randomAddress: String {
        "127.\(Int.random(in: 1...254)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
    }

    private let options: Options
    private let directory: TemporaryDirectory
    private let process: LockedProcess

    /// Starts a member; it may take a moment until it answers, see ``waitUntilReady()``.
    public init(_ options: Options = Options()) throws {
        self.options = options
        directory = try TemporaryDirectory()
        process = LockedProcess()
        try start()
    }

    /// Starts a cluster of one and waits until it answers.
    public static func started(_ options: Options = Options()) throws -> EtcdServer {
        let server = try EtcdServer(options)
        try server.waitUntilReady()
        return server
    }

    deinit { process.end() }

    /// Where clients connect to.
    public var endpoint: String { "\(options.scheme)://\(options.address):2379" }
    /// The process of the server itself.
    public var processID: Int32 {
        get throws {
            let text = String(decoding: try File.contents(of: directory.appending("pid")), as: UTF8.self)
            guard let number = Int32(text.filter { !$0.isWhitespace }) else { throw ServerFailure(description: text) }
            return number
        }
    }
    /// What the server wrote.
    public var log: String {
        String(decoding: (try? File.contents(of: directory.appending("log"))) ?? [], as: UTF8.self)
    }

    /// Starts the server again, with the data it had.
    public func start() throws {
        let peers = options.cluster.isEmpty ? [(name: options.name, address: options.address)] : options.cluster
        let arguments = [
            "--name", options.name, "--data-dir", directory.appending("data"),
            "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
            "--listen-peer-urls", "http://\(options.address):2380",
            "--initial-advertise-peer-urls", "http://\(options.address):2380",
            "--initial-cluster", peers.map { "\($0.name)=http://\($0.address):2380" }.joined(separator: ","),
        ]
        // Of several members the rest should soon have another leader; one alone must not lose itself to a slow disk.
        let timing = peers.count > 1 ? ["--heartbeat-interval", "50", "--election-timeout", "250"] : []
        for name in ["pid", "log"] { try File.remove(directory.appending(name)) }
        // The shell outlives neither the server nor us: its standard input ends with our process.
        let script = """
            cd "$1"; shift
            etcd "$@" >log 2>&1 </dev/null &
            echo $! >pid.new; mv pid.new pid
            cat >/dev/null; kill -9 $! 2>/dev/null; wait
            """
        try process.start(
            options.wrapper + ["/bin/sh", "-c", script, "sh", directory.path] + arguments + timing
                + options.arguments
        )
    }

    /// Waits until the server answers clients.
    public func waitUntilReady() throws {
        for _ in 0..<1000 {
            if log.contains("client requests on") { return }
            usleep(10_000)
        }
        throw ServerFailure(description: "etcd did not start:\n\(log)")
    }

    /// Kills the server, as a power cut would.
    public func kill() { process.end() }

    /// Removes all that the server has stored; it must not be running.
    public func wipe() throws { try Command.run("rm", "-rf", directory.appending("data")) }

    /// Stops the server's process without ending it: connections stay open, nothing answers.
    public func freeze() throws { Glibc.kill(try processID, SIGSTOP) }

    /// Lets a frozen server go on.
    public func thaw() throws { Glibc.kill(try processID, SIGCONT) }

    /// Runs etcd's own client, `etcdctl`, against this member and returns what it printed.
    ///
    /// It is asked again while the server, started a moment ago, has no leader yet or waits for its disk.
    @discardableResult
    public func control(_ words: String...) throws -> String {
        let words =
            options.wrapper + ["/usr/bin/env", "ETCDCTL_API=3", "/usr/bin/etcdctl", "--endpoints", endpoint]
            + options.clientArguments + words
        var attempts = 0
        while true {
            do { return try Command.run(words) } catch let failure as CommandFailure {
                attempts += 1
                guard attempts < 20, Self.passing.contains(where: { failure.description.contains($0) }) else {
                    throw failure
                }
                usleep(100_000)
            }
        }
    }

    /// What etcd says of troubles that pass; all that is asked here may be asked twice.
    private static let passing = ["leader changed", "no leader", "code = Unavailable"]
}

/// A server that does not do what it should.
public struct ServerFailure: Error, CustomStringConvertible {
    /// What it wrote.
    public let description: String
}
