// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTransport
internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// A client of one etcd cluster, version 3.4 or later, through the JSON gateway that each member has.
///
/// A member that does not answer in time is left for the next one, and the one that answered is asked first from then
/// on. ``shutdown()`` must be called before the last reference ends.
public final class EtcdClient: Sendable {
    /// What is known of authentication.
    enum Token: Hashable, Sendable {
        /// Not tried yet, or refused.
        case unknown
        /// etcd has authentication switched off.
        case none
        /// What requests carry.
        case value(String)
    }

    private struct State {
        var preferred = 0
        var token = Token.unknown
    }

    let options: EtcdClientOptions
    private let connections: Connections
    private let state = Mutex(State())

    /// Nothing is sent or read yet: certificates may come later than their user.
    ///
    /// - Throws: `configuration` when an endpoint is none, or a certificate lacks its key.
    public init(_ options: EtcdClientOptions) throws(EtcdError) {
        var options = options
        options.endpoints = options.endpoints.map { String($0.drop(suffix: "/")) }
        guard !options.endpoints.isEmpty else { throw EtcdError(.configuration, "no endpoint of etcd is given") }
        for endpoint in options.endpoints {
            guard endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://"),
                (try? HTTPClient.Request(url: endpoint)) != nil
            else {
                throw EtcdError(
                    .configuration,
                    "\"\(endpoint)\" is no endpoint of etcd; write http://HOST:PORT or https://HOST:PORT"
                )
            }
        }
        guard (options.certificateFile == nil) == (options.privateKeyFile == nil) else {
            throw EtcdError(.configuration, "a certificate and its private key belong together; only one is given")
        }
        let (tls, limits) = (options.tls, (options.connectLimit, options.livenessLimit))
        connections = Connections { () throws(TransportFailure) in
            try HTTPClient.Configuration.transport(tls: tls, connectLimit: limits.0, livenessLimit: limits.1)
        }
        self.options = options
    }

    /// Closes all connections; requests and watches that are under way fail.
    public func shutdown() async { await connections.shutdown() }

    /// Gives up all connections: what is under way fails, and what follows makes new ones.
    ///
    /// Connections from an address that this host has no longer lead nowhere, but do not end by themselves.
    public func reconnect() { connections.renew() }

    /// What requests are sent with.
    ///
    /// - Throws: `certificates` when there are none yet that can be used.
    var http: HTTPClient {
        get throws(EtcdError) {
            do { return try connections.http } catch { throw EtcdError(error) }
        }
    }

    /// Tries something with one member after the other until one answers, and returns what it said.
    ///
    /// - Throws: What etcd says of the request itself at once; else what went wrong with all of them.
    func withEndpoints<Result: Sendable>(
        _ body: @Sendable (_ endpoint: String) async throws(EtcdError) -> Result
    ) async throws(EtcdError) -> Result {
        do throws(EtcdError) { return try await tryingEndpoints(body) } catch {
            // Certificates end, and are replaced before they do.
            guard error.isAboutReachingMembers, !Task.isCancelled, connections.rereadCertificates() else { throw error }
        }
        return try await tryingEndpoints(body)
    }

    private func tryingEndpoints<Result: Sendable>(
        _ body: @Sendable (_ endpoint: String) async throws(EtcdError) -> Result
    ) async throws(EtcdError) -> Result {
        let first = state.withLock { $0.preferred }
        var failures: [EtcdError] = []
        for offset in options.endpoints.indices {
            let index = (first + offset) % options.endpoints.count
            do throws(EtcdError) {
                let result = try await body(options.endpoints[index])
                state.withLock { $0.preferred = index }
                return result
            } catch {
                guard error.isAboutReachingMembers else { throw error }
                failures.append(error)
                if Task.isCancelled { break }
            }
        }
        throw EtcdError(all: failures)
    }

    /// Sends a request to the first member that answers and returns the answer.
    func post(_ path: String, _ body: JSONValue) async throws(EtcdError) -> JSONValue {
        let bytes = body.text()
        return try await withEndpoints { (endpoint) async throws(EtcdError) in
            try await self.withToken(at: endpoint) { (token) async throws(EtcdError) in
                let answer = try await self.send(bytes, to: endpoint, path, token: token)
                return answer.wantsToken ? nil : try answer.document()
            }
        }
    }

    /// Does something that needs a token, and once more with a new token when the first was not accepted.
    ///
    /// - Parameter body: Returns nil when the token was not accepted.
    func withToken<Result: Sendable>(
        at endpoint: String,
        _ body: @Sendable (_ token: String?) async throws(EtcdError) -> Result?
    ) async throws(EtcdError) -> Result {
        let known = state.withLock { $0.token }
        let token = known == .unknown ? try await authenticate(at: endpoint) : known
        if let result = try await body(token.text) { return result }
        guard options.user != nil else {
            throw EtcdError(.refused, "\(endpoint): etcd wants a user and a password, and none is given")
        }
        if let result = try await body(try await authenticate(at: endpoint).text) { return result }
        throw EtcdError(.refused, "\(endpoint): etcd refuses the token that it has just given")
    }

    /// Has the next request ask for a new token.
    func forgetToken() { state.withLock { $0.token = .unknown } }

    /// Asks for a token, which all members accept; tokens end, and not all outlive a member's restart.
    private func authenticate(at endpoint: String) async throws(EtcdError) -> Token {
        guard let user = options.user else { return .none }
        let request: JSONValue = ["name": .string(user.name), "password": .string(user.password)]
        let answer = try await send(request.text(), to: endpoint, "auth/authenticate", token: nil)
        let token: Token
        if answer.hasAuthenticationOff {
            token = .none
        } else {
            do throws(EtcdError) {
                guard let text = try answer.document().wireMember("token")?.string else {
                    throw EtcdError(.malformedAnswer, "\(endpoint): the answer to the password holds no token")
                }
                token = .value(text)
            } catch {
                guard error.code == .invalidRequest else { throw error }
                throw EtcdError(.refused, "\(error.message) (user \"\(user.name)\")")
            }
        }
        state.withLock { $0.token = token }
        return token
    }

    /// Sends one request to one member, in bounded time.
    private func send(
        _ body: [UInt8],
        to endpoint: String,
        _ path: String,
        token: String?
    ) async throws(EtcdError) -> GatewayAnswer {
        var request = HTTPClientRequest(url: "\(endpoint)/v3/\(path)")
        request.method = .POST
        if let token { request.headers.add(name: "authorization", value: token) }
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
        let http = try http
        let limit = options.requestLimit
        return try await within(
            limit,
            orThrow: EtcdError(.unreachable, "\(endpoint): no answer within \(limit.components.seconds) s")
        ) { [request] () async throws(EtcdError) in
            do {
                let response = try await http.execute(request, deadline: .distantFuture)
                let body = try await response.body.collect(upTo: 256 << 20)
                return GatewayAnswer(
                    endpoint: endpoint,
                    status: response.status.code,
                    body: Array(body.readableBytesView)
                )
            } catch { throw EtcdError(transport: error, endpoint: endpoint) }
        }
    }
}

extension EtcdError {
    /// Whether another member, or another connection, may do what this one did not.
    fileprivate var isAboutReachingMembers: Bool {
        switch code {
        case .unreachable, .unavailable, .refused, .malformedAnswer: true
        case .configuration, .certificates, .notFound, .compacted, .invalidRequest: false
        }
    }
}

extension EtcdClient.Token {
    /// What requests carry.
    fileprivate var text: String? {
        if case .value(let text) = self { return text }
        return nil
    }
}

extension String {
    /// The text without all of a suffix's repetitions.
    fileprivate func drop(suffix: String) -> Substring {
        var text = self[...]
        while text.hasSuffix(suffix) { text = text.dropLast(suffix.count) }
        return text
    }
}
