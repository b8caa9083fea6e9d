// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// A Kubernetes API server for tests, on a loopback address or in another network namespace: nodes and events over real HTTP and TLS, as the API's
/// documentation describes them, and whatever may go wrong with them.
///
/// It is strict: a request that a well-behaved client would not send is answered as the API would, and noted in
/// ``violations``, which must be empty at the end of a test. What the roles of `netconf/kubernetes/swift-cni.yaml` do not
/// permit is forbidden, and a violation, too: what a pod of the manifest may not do, nobody needs to do here.
public final class KubernetesServer: Sendable {
    /// How the server is reached, and by whom.
    public struct Options: Sendable {
        /// The address to listen on: each server has one of its own, or another could take its port while it is stopped.
        public var address = "127.\(Int.random(in: 1...254)).\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
        /// The file of the network namespace to listen in; nil for the caller's.
        public var namespace: String?
        /// The port to listen on; 0 for any that is free.
        public var port: UInt16 = 0
        /// The files of the server's certificate and its key, in PEM; nil for HTTP.
        public var certificate: (certificate: String, key: String)?
        /// The file of the authority that must have signed the client's certificate.
        public var clientAuthority: String?
        /// The tokens that are accepted; when there are none, nobody is asked for one.
        public var tokens: Set<String> = []

        /// HTTP for everyone.
        public init() {}
    }

    struct State {
        var options: Options
        var cluster = Cluster()
        var port: UInt16
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var watchers: [ObjectIdentifier: Watcher] = [:]
        var faults: [RequestKind: [Fault]] = [:]
        var forbidden: Set<RequestKind> = []
        var permissions: Permissions
        var requests: [RecordedRequest] = []
        var violations: [String] = []
        var isFrozen = false
        var isCuttingEvents = false
        /// What is done when the server thaws.
        var postponed: [@Sendable () -> Void] = []
    }

    /// A client that watches.
    struct Watcher {
        let channel: any Channel
        /// Up to where it knows everything.
        var version: UInt64
    }

    let state: Mutex<State>
    private let tls: NIOSSLContext?

    /// Starts a server.
    public init(_ options: Options = Options()) throws {
        let manifest = try Manifest(ofPackage: "swift-cni.yaml")
        state = Mutex(State(options: options, port: options.port, permissions: try Permissions(manifest)))
        if let files = options.certificate {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
            )
            if let authority = options.clientAuthority {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
                configuration.certificateVerification = .noHostnameVerification
            }
            tls = try NIOSSLContext(configuration: configuration)
        } else {
            tls = nil
        }
        try start()
    }

    deinit {
        // The last reference may end on a loop, which must not wait for itself.
        state.withLock { $0.listener.take() }?.close(promise: nil)
        closeConnections()
    }

    /// The URL of the server.
    public var url: String {
        let (options, port) = state.withLock { ($0.options, $0.port) }
        return "\(options.certificate == nil ? "http" : "https")://\(options.address):\(port)"
    }

    /// The port of the server, which stays the same when it is started again.
    public var port: UInt16 { state.withLock { $0.port } }

    /// All requests so far.
    public var requests: [RecordedRequest] { state.withLock { $0.requests } }

    /// The requests of one kind.
    public func requests(_ kind: RequestKind) -> [RecordedRequest] { requests.filter { $0.kind == kind } }

    /// What clients have done that they should not.
    public var violations: [String] { state.withLock { $0.violations } }

    /// How many clients watch now.
    public var watcherCount: Int { state.withLock { $0.watchers.count } }

    /// Listens, on the port of the last time.
    public func start() throws {
        let (options, port) = state.withLock { ($0.options, $0.port) }
        let tls = tls
        let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    guard let self else { return }
                    try pipeline.addHandler(Connection(server: self))
                    self.state.withLock { $0.connections[ObjectIdentifier(channel)] = channel }
                }
            }
        let socket = try Self.patiently {
            try ListeningSocket.open(options.address, port, in: options.namespace)
        }
        let listener = try bootstrap.withBoundSocket(socket).wait()
        state.withLock { state in
            state.listener = listener
            state.port = listener.localAddress?.port.flatMap { UInt16(exactly: $0) } ?? port
        }
    }

    /// Does something that takes an address until it is free: a process that another test is just starting has a copy of
    /// the socket that listened before, until it is started.
    private static func patiently<Result>(_ body: () throws -> Result) throws -> Result {
        let deadline = Deadline.after(.seconds(5))
        while true {
            do { return try body() } catch {
                guard (error as? SystemCallError)?.number == .addressInUse, deadline.remainingNanoseconds > 0 else {
                    throw error
                }
                usleep(20_000)
            }
        }
    }

    /// Listens no more, and closes all connections.
    public func stop() {
        let listener = state.withLock { state in state.listener.take() }
        try? listener?.close().wait()
        closeConnections()
    }

    /// Closes all connections, as when the server's host is restarted.
    public func closeConnections() {
        let connections = state.withLock { state in
            defer { (state.connections, state.watchers) = ([:], [:]) }
            return state.connections.values
        }
        for connection in connections { connection.close(promise: nil) }
    }

    /// Stops answering, and telling watchers anything: connections stay open, as when the network between has vanished.
    public func freeze() { state.withLock { $0.isFrozen = true } }

    /// Answers all that has been asked meanwhile.
    public func thaw() {
        let postponed = state.withLock { state in
            state.isFrozen = false
            defer { state.postponed = [] }
            return state.postponed
        }
        for action in postponed { action() }
    }

    /// Which tokens are accepted from now on.
    public func accept(tokens: Set<String>) { state.withLock { $0.options.tokens = tokens } }

    /// Which requests are forbidden for everyone from now on.
    public func forbid(_ kinds: Set<RequestKind>) { state.withLock { $0.forbidden = kinds } }

    /// Has the next requests of a kind go wrong, each in its way.
    public func inject(_ faults: Fault..., into kind: RequestKind) {
        state.withLock { $0.faults[kind, default: []] += faults }
    }

    func forget(_ channel: any Channel) {
        state.withLock { state in
            state.connections[ObjectIdentifier(channel)] = nil
            state.watchers[ObjectIdentifier(channel)] = nil
        }
    }
}
