// swift-cni, SPDX-License-Identifier: Apache-2.0

public import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOSSL

extension HTTPClient.Configuration {
    /// How stores are talked to: HTTP/1.1 over connections that are noticed when the other side has vanished.
    ///
    /// - Parameters:
    ///   - connectLimit: How long a connection may take.
    ///   - livenessLimit: How long the other side's kernel may be silent on a connection before it counts as gone.
    public static func transport(
        tls: ClientTLS,
        connectLimit: Duration,
        livenessLimit: Duration
    ) throws(TransportFailure) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: try tls.makeConfiguration(),
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: TimeAmount(connectLimit))
        )
        // A refused connection is an answer: what to do then is for the caller to say.
        configuration.connectionPool.retryConnectionEstablishment = false
        // With HTTP/2 all watches of the pool would share one connection, and its flow control.
        configuration.httpVersion = .http1Only
        let seconds = max(3, Int(livenessLimit.components.seconds))
        configuration.http1_1ConnectionDebugInitializer = { channel in
            // A third of the time idle, then three probes; and the same time for what was sent and is not acknowledged.
            let options: [(NIOBSDSocket.OptionLevel, CInt, Int)] = [
                (.socket, SO_KEEPALIVE, 1), (.tcp, TCP_KEEPIDLE, seconds / 3),
                (.tcp, TCP_KEEPINTVL, max(1, seconds * 2 / 9)), (.tcp, TCP_KEEPCNT, 3),
                (.tcp, TCP_USER_TIMEOUT, seconds * 1000),
            ]
            return EventLoopFuture.andAllSucceed(
                options.map { level, name, value in
                    let name = NIOBSDSocket.Option(rawValue: name)
                    return channel.setOption(ChannelOptions.Types.SocketOption(level: level, name: name), value: value)
                },
                on: channel.eventLoop
            )
        }
        return configuration
    }

    /// Whether connections show or expect other certificates than with another configuration.
    ///
    /// A key that is not the certificate's, as while the two are being replaced, leads to no connection, and counts for nothing.
    public func hasOtherCertificates(than other: HTTPClient.Configuration) -> Bool {
        guard let mine = tlsConfiguration, let others = other.tlsConfiguration, !mine.bestEffortEquals(others) else {
            return false
        }
        return (try? NIOSSLContext(configuration: mine)) != nil
    }
}
