// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTransport
internal import JSON
internal import NIOCore
internal import NIOHTTP1

/// A client of the Kubernetes API for those few things that a network wants of it: nodes, and events about them.
///
/// ``shutdown()`` must be called before the last reference ends.
public final class KubernetesClient: Sendable {
    /// A request that is not a watch.
    struct Request {
        var method = HTTPMethod.GET
        /// The path behind the server's, with the query.
        var path: String
        var contentType = "application/json"
        var body: JSONValue?
    }

    /// What the server answered when it did what was asked.
    struct Answer: Sendable {
        let status: UInt
        let headers: HTTPHeaders
        let body: [UInt8]
    }

    /// How often a request is sent while the server says that it is busy.
    private static var attempts: Int { 4 }

    let options: KubernetesClientOptions
    private let connections: Connections
    /// The server as it is asked: with the name that its certificate is for.
    let base: String
    /// The `Host` header, where it is not the one in ``base``.
    private let hostHeader: String?

    /// Reads the certificates; nothing is sent yet.
    ///
    /// - Throws: `configuration` when the server's URL is none, or a file cannot be used.
    public init(_ options: KubernetesClientOptions) throws(KubernetesError) {
        var options = options
        while options.server.hasSuffix("/") { options.server.removeLast() }
        guard let server = ServerURL(options.server), (try? HTTPClient.Request(url: options.server)) != nil else {
            throw KubernetesError(
                .configuration,
                "\"\(options.server)\" is no URL of the Kubernetes API; write https://HOST:PORT"
            )
        }
        let serverName = options.serverName.flatMap { $0 == server.host ? nil : $0 }
        // The connection goes to the host, and the certificate is checked for the name.
        base = serverName.map(server.text(withHost:)) ?? options.server
        hostHeader = serverName.map { _ in server.authority }
        let (tls, limits) = (options.tls, (options.connectLimit, options.livenessLimit))
        connections = Connections { () throws(TransportFailure) in
            var configuration = try HTTPClient.Configuration.transport(
                tls: tls,
                connectLimit: limits.0,
                livenessLimit: limits.1
            )
            if let serverName { configuration.dnsOverride = [serverName: server.host] }
            return configuration
        }
        self.options = options
        _ = try http
    }

    /// Closes all connections; requests and watches that are under way fail.
    public func shutdown() async { await connections.shutdown() }

    /// Gives up all connections: what is under way fails, and what follows makes new ones.
    ///
    /// Connections from an address that this host has no longer lead nowhere, but do not end by themselves.
    public func reconnect() { connections.renew() }

    /// What requests are sent with.
    var http: HTTPClient {
        get throws(KubernetesError) {
            do { return try connections.http } catch { throw KubernetesError(error) }
        }
    }

    /// Sends a request until the server is not too busy for it.
    func send(_ request: Request) async throws(KubernetesError) -> Answer {
        var wasClosed = request.method == .POST
        for _ in 1..<Self.attempts {
            do throws(KubernetesError) { return try await sendOnce(request) } catch {
                if rereadCertificates(after: error) { continue }
                // What makes something anew may have been heard; what changes something may be said twice.
                if error.wasClosed, !wasClosed {
                    wasClosed = true
                    continue
                }
                guard error.code == .unavailable, let delay = error.retryAfter, delay <= options.patience,
                    !Task.isCancelled
                else { throw error }
                try? await Task.sleep(for: delay.spread)
            }
        }
        return try await sendOnce(request)
    }

    /// Takes certificates and key from their files again when one side has refused the other's.
    ///
    /// - Returns: Whether they are others now.
    func rereadCertificates(after error: KubernetesError) -> Bool {
        error.code == .refused && connections.rereadCertificates()
    }

    /// The headers that all requests have.
    func headers() throws(KubernetesError) -> HTTPHeaders {
        var headers = HTTPHeaders([("accept", "application/json"), ("user-agent", "swift-cni")])
        if let hostHeader { headers.add(name: "host", value: hostHeader) }
        if let token = try options.credentials.token() {
            headers.add(name: "authorization", value: "Bearer \(token)")
        }
        return headers
    }

    /// Sends one request, in bounded time.
    private func sendOnce(_ request: Request) async throws(KubernetesError) -> Answer {
        var message = HTTPClientRequest(url: base + request.path)
        message.method = request.method
        message.headers = try headers()
        if let body = request.body {
            message.headers.add(name: "content-type", value: request.contentType)
            message.body = .bytes(ByteBuffer(bytes: body.text()))
        }
        let endpoint = options.server
        let limit = options.requestLimit
        let http = try http
        let answer = try await within(
            limit,
            orThrow: KubernetesError(.unreachable, "\(endpoint): no answer within \(limit.components.seconds) s")
        ) { [message] () async throws(KubernetesError) in
            do {
                let response = try await http.execute(message, deadline: .distantFuture)
                let body = try await response.body.collect(upTo: 64 << 20)
                return Answer(
                    status: response.status.code,
                    headers: response.headers,
                    body: Array(body.readableBytesView)
                )
            } catch { throw KubernetesError(TransportFailure(error, endpoint: endpoint)) }
        }
        guard (200...299).contains(answer.status) else {
            throw KubernetesError(
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
                endpoint: endpoint
            )
        }
        return answer
    }

    /// Reads an answer.
    func reading<Result>(_ body: () throws(JSONError) -> Result) throws(KubernetesError) -> Result {
        do { return try body() } catch {
            throw KubernetesError(.malformedAnswer, "\(options.server): the answer is \(error)")
        }
    }
}

extension Duration {
    /// A quarter longer at most: those whom a busy server has sent away together do not come back together.
    var spread: Duration { self * Double.random(in: 1...1.25) }
}

/// The URL of a server, in parts.
struct ServerURL {
    private let scheme: Substring
    /// The host, without the brackets around an IPv6 address.
    let host: String
    /// What follows the host: the port, and a path.
    private let rest: Substring
    /// Host and port as the URL has them.
    let authority: String

    /// Nil when it is none of `http` or `https`, or has no host.
    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://"), ["http", "https"].contains(text[..<separator.lowerBound])
        else { return nil }
        scheme = text[..<separator.upperBound]
        let remainder = text[separator.upperBound...]
        let authority = remainder.prefix { $0 != "/" }
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = String(authority.dropFirst()[..<end])
            rest = remainder[authority.index(after: end)...]
        } else {
            let name = authority.prefix { $0 != ":" }
            host = String(name)
            rest = remainder[name.endIndex...]
        }
        guard !host.isEmpty, !authority.contains("@"), !text.contains(where: { $0.isWhitespace || "?#".contains($0) })
        else { return nil }
        self.authority = String(authority)
    }

    /// The URL with another host.
    func text(withHost other: String) -> String { "\(scheme)\(other)\(rest)" }
}

extension String {
    /// The text as it may stand in a URL's query or as one part of its path.
    var percentEncoded: String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
