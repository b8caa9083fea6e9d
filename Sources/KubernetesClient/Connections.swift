// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTransport
internal import Synchronization

/// The connections of a client, which can be given up for new ones.
final class Connections: Sendable {
    private struct State {
        var http: HTTPClient
        var configuration: HTTPClient.Configuration
        var isShutDown = false
        /// Closes what was used before.
        var retirement: Task<Void, Never>?
    }

    private let make: @Sendable () throws(TransportFailure) -> HTTPClient.Configuration
    private let state: Mutex<State>

    /// Connects to nobody yet.
    ///
    /// - Parameter make: Reads how connections are made, and is called again for new ones: certificates may be others then.
    init(
        _ make: @escaping @Sendable () throws(TransportFailure) -> HTTPClient.Configuration
    ) throws(TransportFailure) {
        let configuration = try make()
        self.make = make
        state = Mutex(State(http: Self.client(configuration), configuration: configuration))
    }

    /// What requests are sent with.
    var http: HTTPClient { state.withLock { $0.http } }

    /// Gives up all connections: what is under way fails, and what follows makes new ones.
    func renew() {
        let read = try? make()
        state.withLock { Self.renew(&$0, read ?? $0.configuration) }
    }

    /// Takes certificates and key from their files again, and gives up all connections when they are others now.
    ///
    /// - Returns: Whether they are.
    func rereadCertificates() -> Bool {
        guard let read = try? make() else { return false }
        return state.withLock { state in
            guard read.hasOtherCertificates(than: state.configuration) else { return false }
            Self.renew(&state, read)
            return true
        }
    }

    /// Closes all connections; what is under way fails.
    func shutdown() async {
        let (http, retirement) = state.withLock { state in
            state.isShutDown = true
            return (state.http, state.retirement)
        }
        // It fails only when it was done before.
        try? await http.shutdown()
        await retirement?.value
    }

    private static func renew(_ state: inout State, _ configuration: HTTPClient.Configuration) {
        guard !state.isShutDown else { return }
        let (former, earlier) = (state.http, state.retirement)
        state.configuration = configuration
        state.http = client(configuration)
        state.retirement = Task {
            try? await former.shutdown()
            await earlier?.value
        }
    }

    private static func client(_ configuration: HTTPClient.Configuration) -> HTTPClient {
        HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }
}
