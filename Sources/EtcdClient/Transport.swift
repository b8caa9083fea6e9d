// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import Glibc
internal import HTTPTransport
internal import NIOCore
internal import NIOSSL

/// Connections to the members of a cluster, all made under the same conditions.
struct Transport: Sendable {
    /// What requests are sent with.
    let http: HTTPClient
    /// What is expected of members, and shown to them.
    let security: TLSConfiguration

    /// Connects to nobody yet.
    init(_ security: TLSConfiguration, _ options: EtcdClientOptions) {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: security,
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: TimeAmount(options.connectLimit))
        )
        // A refused connection is an answer: the next member is asked at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        // With HTTP/2 all watches of the pool would share one connection, and its flow control.
        configuration.httpVersion = .http1Only
        configuration.http1_1ConnectionDebugInitializer = Self.keepAlive
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.security = security
    }

    /// Closes all connections; what is under way fails.
    func close() async {
        // It fails only when it was done before.
        try? await http.shutdown()
    }

    /// Has the kernel ask after 10 s of silence whether the other end is still there, and give up after 9 s more.
    ///
    /// A watch only listens: without this it would not hear that its server, or the way there, is gone.
    @Sendable
    private static func keepAlive(_ channel: any Channel) -> EventLoopFuture<Void> {
        let settings: [(NIOBSDSocket.OptionLevel, CInt, SocketOptionValue)] = [
            (.socket, SO_KEEPALIVE, 1),
            (.tcp, TCP_KEEPIDLE, 10),
            (.tcp, TCP_KEEPINTVL, 3),
            (.tcp, TCP_KEEPCNT, 3),
        ]
        return EventLoopFuture.andAllSucceed(
            settings.map { level, name, value in
                channel.setOption(
                    ChannelOptions.Types.SocketOption(level: level, name: NIOBSDSocket.Option(rawValue: name)),
                    value: value
                )
            },
            on: channel.eventLoop
        )
    }
}
