// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Overlay

/// Answers who asks how the node is: `/healthz`, `/readyz` and `/metrics` on a port, and these and `/status` on a socket
/// file, which `flanneld status` uses.
struct HealthServer: Sendable {
    private let node: OverlayNode
    private let log: Logger
    /// How many connections there may be on each of the two.
    private let mostConnections: Int

    /// How long a connection may be without a request.
    private static var silenceLimit: TimeAmount { .seconds(10) }

    init(_ node: OverlayNode, _ log: Logger, descriptors: UInt) {
        self.node = node
        self.log = log
        mostConnections = Int(min(64, descriptors / 4))
    }

    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    /// The socket file that belongs to a `subnet.env`.
    static func socketPath(beside subnetFile: String) -> String { "\(Path.parent(of: subnetFile))/flanneld.sock" }

    /// Where requests come in.
    private enum Place: CustomStringConvertible {
        case file(String)
        case port(UInt16, of: String)

        var description: String {
            switch self {
            case .file(let path): "the socket \(path)"
            case .port(let port, let address): "port \(port) of \(address)"
            }
        }

        var topic: Complaints.Topic {
            switch self {
            case .file: .statusSocket
            case .port: .healthPort
            }
        }

        var isLocal: Bool { topic == .statusSocket }

        var advice: String {
            isLocal
                ? "" : "; this is tried again; choose another one with --healthz-ip and --healthz-port, or 0 for none"
        }
    }

    private static var shortest: Duration { .seconds(1) }
    private static var longest: Duration { .seconds(10) }

    /// Serves until the task is cancelled.
    func run(_ options: DaemonOptions) async {
        await withDiscardingTaskGroup { group in
            let path = Self.socketPath(beside: options.subnetFile)
            group.addTask { await serve(at: .file(path)) }
            if options.healthPort != 0 {
                group.addTask { await serve(at: .port(options.healthPort, of: "\(options.healthAddress)")) }
            }
        }
    }

    /// Opens a place, however long it takes until it can be had, and serves there.
    ///
    /// An address may come later than the daemon, and a daemon that is replaced may go later than the next one comes. The
    /// overlay does not need it.
    private func serve(at place: Place) async {
        var delay = Self.shortest
        while !Task.isCancelled {
            do {
                let server = try await open(place)
                await node.complain(place.topic, [])
                log.info("answers on \(place)")
                delay = Self.shortest
                try await accept(server, isLocal: place.isLocal)
            } catch {
                if Task.isCancelled { return }
                await node.complain(place.topic, ["\(place) cannot be opened: \(error)\(place.advice)"])
            }
            try? await Task.sleep(for: delay)
            delay = min(delay * 2, Self.longest)
        }
    }

    private func open(_ place: Place) async throws -> NIOAsyncChannel<Connection, Never> {
        switch place {
        case .port(let port, let address):
            return try await bootstrap.bind(
                host: address,
                port: Int(port),
                childChannelInitializer: Self.configure
            )
        case .file(let path):
            try Directory.create(Path.parent(of: path), mode: 0o755)
            let server = try await bootstrap.bind(
                unixDomainSocketPath: path,
                cleanupExistingSocketFile: true,
                childChannelInitializer: Self.configure
            )
            _ = chmod(path, 0o600)
            return server
        }
    }

    private var bootstrap: ServerBootstrap {
        ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [mostConnections] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ConnectionCount(atMost: mostConnections))
                }
            }
    }

    @Sendable private static func configure(_ channel: any Channel) -> EventLoopFuture<Connection> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline()
            try pipeline.addHandlers(IdleStateHandler(readTimeout: silenceLimit), SilenceLimit())
            return try Connection(wrappingChannelSynchronously: channel)
        }
    }

    private func accept(_ server: NIOAsyncChannel<Connection, Never>, isLocal: Bool) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await server.executeThenClose { connections in
                for try await connection in connections {
                    // One that breaks off is its own affair.
                    group.addTask { try? await serve(connection, isLocal: isLocal) }
                }
            }
        }
    }

    private func serve(_ connection: Connection, isLocal: Bool) async throws {
        try await connection.executeThenClose { requests, answers in
            var head: HTTPRequestHead?
            for try await part in requests {
                switch part {
                case .head(let request): head = request
                case .body: break
                case .end:
                    guard let request = head else { return }
                    let answer = await answer(to: request, isLocal: isLocal)
                    var headers = HTTPHeaders([
                        ("content-type", answer.type), ("content-length", "\(answer.body.utf8.count)"),
                    ])
                    if !request.isKeepAlive { headers.add(name: "connection", value: "close") }
                    let status = HTTPResponseHead(version: request.version, status: answer.status, headers: headers)
                    try await answers.write(.head(status))
                    if request.method != .HEAD {
                        try await answers.write(.body(.byteBuffer(ByteBuffer(string: answer.body))))
                    }
                    try await answers.write(.end(nil))
                    if !request.isKeepAlive { return }
                }
            }
        }
    }

    private struct Answer {
        var status = HTTPResponseStatus.ok
        var type = "text/plain; charset=utf-8"
        var body: String
    }

    private func answer(to request: HTTPRequestHead, isLocal: Bool) async -> Answer {
        guard request.method == .GET || request.method == .HEAD else {
            return Answer(status: .methodNotAllowed, body: "only GET and HEAD\n")
        }
        switch request.uri.split(separator: "?", maxSplits: 1).first ?? "/" {
        case "/healthz":
            // It answers only when the node's thread does, so that one that hangs is noticed.
            await node.answerSign()
            return Answer(body: "flanneld is running\n")
        case "/readyz":
            let obstacles = await node.obstacles
            if obstacles.isEmpty { return Answer(body: "ready\n") }
            return Answer(status: .serviceUnavailable, body: obstacles.map { "\($0)\n" }.joined())
        case "/metrics":
            return Answer(type: "text/plain; version=0.0.4; charset=utf-8", body: await node.metrics())
        case "/status" where isLocal:
            return Answer(
                type: "application/json",
                body: String(decoding: await node.status().text(.indented), as: UTF8.self) + "\n"
            )
        default: return Answer(status: .notFound, body: "there are /healthz, /readyz and /metrics\n")
        }
    }
}
