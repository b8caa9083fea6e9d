// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
internal import JSON

extension EtcdError {
    /// What etcd says is wrong.
    init(_ failure: GatewayFailure, endpoint: String) {
        let code: Code =
            switch failure.code {
            case .notFound: .notFound
            case .outOfRange: .compacted
            case .unauthenticated, .permissionDenied: .refused
            case .unavailable, .deadlineExceeded, .resourceExhausted, .internalError, .unknown: .unavailable
            case .invalidArgument, .failedPrecondition, nil: .invalidRequest
            }
        self.init(code, "\(endpoint): \(failure.text)")
    }

    /// An error in the answer of a request that etcd treats as a stream.
    init(inBand failure: JSONValue, endpoint: String = "etcd") {
        guard let described = GatewayFailure(failure) else {
            self.init(.malformedAnswer, "\(endpoint): an error without a text")
            return
        }
        self.init(described, endpoint: endpoint)
    }

    /// An answer that is none of etcd's gateway.
    init(foreign status: UInt, endpoint: String) {
        let advice =
            status == 404
            ? "is this etcd 3.4 or later, and is its gateway on (--enable-grpc-gateway)?" : "is this etcd?"
        self.init(.malformedAnswer, "\(endpoint): status \(status) without a reason; \(advice)")
    }

    /// A connection that could not be made or was lost.
    init(transport cause: any Error, endpoint: String) {
        self = cause as? EtcdError ?? EtcdError(TransportFailure(cause, endpoint: endpoint))
    }

    /// What goes wrong before etcd is reached.
    init(_ failure: TransportFailure) {
        let code: Code =
            switch failure.code {
            case .configuration: .certificates
            case .unreachable, .closed: .unreachable
            case .refused: .refused
            }
        self.init(code, failure.message)
    }

    /// One error for all members that were asked.
    init(all failures: [EtcdError]) {
        guard let first = failures.first else {
            self.init(.unreachable, "no member was asked")
            return
        }
        // The most telling one counts: of two members one may be down, and the other refuse the password.
        let code = [Code.refused, .malformedAnswer, .unavailable].first { code in failures.contains { $0.code == code }
        }
        self.init(code ?? first.code, failures.map(\.message).joined(separator: "; "))
    }
}
