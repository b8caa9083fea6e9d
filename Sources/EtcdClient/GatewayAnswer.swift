// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// What a member answered to a request that is not a watch.
struct GatewayAnswer: Sendable {
    let endpoint: String
    let status: UInt
    let body: [UInt8]

    /// The answer's document.
    func document() throws(EtcdError) -> JSONValue {
        if status == 200 {
            do { return try JSONValue(parsing: body) } catch {
                throw EtcdError(.malformedAnswer, "\(endpoint): the answer is \(error)")
            }
        }
        guard let failure else { throw EtcdError(foreign: status, endpoint: endpoint) }
        throw EtcdError(failure, endpoint: endpoint)
    }

    /// Whether the request should be repeated with a new token.
    var wantsToken: Bool { status != 200 && failure?.isAboutToken == true }

    /// Whether etcd knows no users: what was sent to authenticate is of no use.
    var hasAuthenticationOff: Bool { status != 200 && failure?.code == .failedPrecondition }

    /// What etcd says is wrong; nil when it was not etcd that answered.
    private var failure: GatewayFailure? { (try? JSONValue(parsing: body)).flatMap(GatewayFailure.init) }
}

/// An error as etcd describes it, by itself or in the stream of a watch.
struct GatewayFailure: Hashable, Sendable {
    /// The codes of gRPC that matter here.
    enum Code: Int64 {
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case outOfRange = 11
        case internalError = 13
        case unavailable = 14
        case unauthenticated = 16
    }

    let code: Code?
    let text: String

    /// Reads `{"error":…,"message":…,"code":…}`, of which etcd's versions leave out one or the other.
    init?(_ value: JSONValue) {
        guard let text = value.wireMember("message")?.string ?? value.wireMember("error")?.string else { return nil }
        self.text = text
        let number = try? value.wireInteger(value.wireMember("grpc_code") == nil ? "code" : "grpc_code")
        code = number.flatMap { Code(rawValue: $0) }
    }

    /// An error that etcd tells as text only, `rpc error: code = … desc = …`, as the reason why a watch is cancelled.
    init(reason: String) {
        text = reason
        let names: [(String, Code)] = [
            ("Unauthenticated", .unauthenticated), ("InvalidArgument", .invalidArgument),
            ("PermissionDenied", .permissionDenied), ("invalid auth token", .unauthenticated),
            ("permission denied", .permissionDenied),
        ]
        code = names.first { reason.contains($0.0) }?.1 ?? .unavailable
    }

    /// Whether a new token would help.
    ///
    /// etcd has one code for all faults of a request's contents, and only its text tells them apart.
    var isAboutToken: Bool {
        code == .unauthenticated
            || code == .invalidArgument
                && (text.contains("user name is empty") || text.contains("revision of auth store is old"))
    }
}
