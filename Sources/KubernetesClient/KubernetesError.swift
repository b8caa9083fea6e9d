// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
internal import JSON
internal import NIOHTTP1

/// A request to the Kubernetes API that failed.
public struct KubernetesError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// The server's address, a kubeconfig, a certificate or a token file cannot be used.
        case configuration
        /// Nobody answered; whether something was changed is not known.
        case unreachable
        /// The server answered that it cannot do it now.
        case unavailable
        /// The token or the certificate was refused, or the server's own certificate was.
        case refused
        /// Who asks is known, and may not do this.
        case forbidden
        /// What was asked for does not exist.
        case notFound
        /// It is not as the request takes it to be, or exists already.
        case conflict
        /// The version that was asked for is no longer kept: all has to be read anew.
        case expired
        /// The answer is none that the API gives.
        case malformedAnswer
        /// The server refused the request as such.
        case invalidRequest
    }

    /// What kind of failure it is.
    public let code: Code
    /// What is wrong: the server, the request, what the server said.
    public let message: String
    /// How long the server wants to be left alone.
    public let retryAfter: Duration?
    /// Whether a new connection may do at once what this one did not: servers close those that are idle.
    private(set) var wasClosed = false

    /// Creates an error.
    public init(_ code: Code, _ message: String, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }

    /// A connection that could not be made or was lost.
    init(_ failure: TransportFailure) {
        let code: Code =
            switch failure.code {
            case .configuration: .configuration
            case .unreachable, .closed: .unreachable
            case .refused: .refused
            }
        self.init(code, failure.message)
        wasClosed = failure.code == .closed
    }

    /// What a server says that did not do what was asked.
    ///
    /// - Parameters:
    ///   - status: The status of the answer.
    ///   - headers: Its headers.
    ///   - body: A `Status` of the API; anything else is from somebody between us and the API.
    init(status: UInt, headers: HTTPHeaders, body: [UInt8], endpoint: String) {
        let retryAfter = headers.first(name: "retry-after").flatMap { Int64($0) }
        guard let document = try? JSONValue(parsing: body), document.object?["kind"] == "Status" else {
            let code: Code = (500...599).contains(status) || status == 429 ? .unavailable : Self.code(status)
            self.init(
                status == 404 ? .malformedAnswer : code,
                "\(endpoint): status \(status) without a reason; is this the Kubernetes API?",
                retryAfter: retryAfter.map { .seconds(max(0, $0)) }
            )
            return
        }
        self.init(statusDocument: JSONNode(document), status: status, retryAfter: retryAfter, endpoint: endpoint)
    }

    /// What a `Status` says, be it an answer of its own or an event of a watch.
    init(statusDocument document: JSONNode, status: UInt = 500, retryAfter: Int64? = nil, endpoint: String) {
        let number = (try? document["code"]?.integer(in: 0...999)).map { UInt($0) } ?? status
        let reason = try? document["reason"]?.string()
        let details = document["details"]
        let seconds = retryAfter ?? (try? details?["retryAfterSeconds"]?.integer())
        var message = (try? document["message"]?.string()) ?? "status \(number) without a message"
        var code = Self.code(number)
        if reason == "Expired" || reason == "Gone" { code = .expired }
        // A server that was replaced by an older one waits for a version that it may never have.
        let causes = (try? details?["causes"]?.elements()) ?? []
        if causes.contains(where: { $0["reason"]?.value == "ResourceVersionTooLarge" }) { code = .expired }
        if let reason, !reason.isEmpty { message += " (\(reason))" }
        self.init(code, "\(endpoint): \(message)", retryAfter: seconds.map { .seconds(max(0, $0)) })
    }

    private static func code(_ status: UInt) -> Code {
        switch status {
        case 401: .refused
        case 403: .forbidden
        case 404: .notFound
        case 409: .conflict
        case 410: .expired
        case 408, 429, 500...599: .unavailable
        case 400...499: .invalidRequest
        default: .malformedAnswer
        }
    }
}

extension KubernetesError: CustomStringConvertible {
    /// What is wrong.
    public var description: String { message }
}
