// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// A connection that could not be made or was lost, in words.
public struct TransportFailure: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// A certificate or a key cannot be used.
        case configuration
        /// Nobody answered, or the answer broke off.
        case unreachable
        /// The connection was closed before anything came; one that was kept from before may have been closed meanwhile.
        case closed
        /// One side does not trust the other.
        case refused
    }

    /// What kind of failure it is.
    public let code: Code
    /// What is wrong: the endpoint, and the reason.
    public let message: String

    /// Describes a failure.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Explains what the HTTP client has thrown.
    public init(_ cause: any Error, endpoint: String) {
        switch cause {
        case let failure as TransportFailure: self = failure
        case let error as NIOConnectionError:
            let reasons = error.connectionErrors.map { Self.text($0.error) }
            let reason = reasons.first ?? "the name \"\(error.host)\" has no address"
            self.init(.unreachable, "\(endpoint): \(reason)")
        case let error as IOError where error.errnoCode != Self.resetNumber:
            self.init(.unreachable, "\(endpoint): \(Self.text(error))")
        case is IOError: self.init(closed: endpoint)
        case let error as HTTPClientError where error == .remoteConnectionClosed || error == .uncleanShutdown:
            self.init(closed: endpoint)
        case let error as HTTPClientError where error == .connectTimeout || error == .tlsHandshakeTimeout:
            self.init(.unreachable, "\(endpoint): no connection within the time limit")
        case NIOSSLError.handshakeFailed(let reason): self.init(handshake: "\(reason)", endpoint: endpoint)
        case is NIOSSLExtraError:
            self.init(.refused, "\(endpoint): the server's certificate is for another name than the endpoint's")
        case let error as BoringSSLError: self.init(handshake: "\(error)", endpoint: endpoint)
        case is HTTPParserError:
            self.init(.unreachable, "\(endpoint): the connection broke in the middle of an answer")
        default: self.init(.unreachable, "\(endpoint): \(cause)")
        }
    }

    /// A connection that was closed before anything came.
    private init(closed endpoint: String) {
        let advice =
            endpoint.hasPrefix("https:") ? "does it want a client certificate, or no TLS?" : "does it want https?"
        self.init(.closed, "\(endpoint): the connection was closed without an answer; \(advice)")
    }

    /// A failure of TLS, told from what its library says, which has no codes for it.
    private init(handshake reason: String, endpoint: String) {
        // The library's text goes on with the place in its source.
        let reasons: [(words: [String], text: String)] = [
            (
                ["CERTIFICATE_VERIFY_FAILED"],
                "the server's certificate is not signed by an authority that is trusted here"
            ),
            (
                ["CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE"],
                "the server refuses this client's certificate, or wants a client certificate"
            ),
            (["WRONG_VERSION", "EOF during handshake"], "the server does not speak TLS; does it want http?"),
        ]
        let known = reasons.first { $0.words.contains { reason.contains($0) } }
        self.init(.refused, "\(endpoint): \(known?.text ?? "TLS failed (\(Self.code(in: reason)))")")
    }

    /// The part of a reason that names the fault: `error:1000…:SSL routines:OPENSSL_internal:NAME`.
    private static func code(in reason: String) -> Substring {
        guard let start = reason.firstRange(of: "OPENSSL_internal:") else { return reason.prefix(60) }
        return reason[start.upperBound...].prefix { $0 != " " }
    }

    private static func text(_ error: any Error) -> String {
        if let error = error as? IOError {
            return error.errnoCode == refusedNumber ? "connection refused" : "\(error)"
        }
        if case .connectTimeout? = error as? ChannelError { return "no connection within the time limit" }
        return "\(error)"
    }

    // Of all Linux architectures but MIPS, SPARC and Alpha, on which Swift does not run.

    /// `ECONNREFUSED`.
    private static var refusedNumber: CInt { 111 }
    /// `ECONNRESET`: how a server that closes a connection with something unread in it does so.
    private static var resetNumber: CInt { 104 }
}

extension TransportFailure: CustomStringConvertible {
    /// What is wrong.
    public var description: String { message }
}
