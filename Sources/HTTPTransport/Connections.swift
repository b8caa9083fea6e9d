// swift-cni, SPDX-License-Identifier: Apache-2.0

public import AsyncHTTPClient
internal import Synchronization

/// The connections of a client, which can be given up for new ones.
///
/// They are made when they are needed first: certificates may come later than their user.
public final class Connections: Sendable {
    private struct State {
        /// Nil until certificates can be used, and in the end.
        var current: (http: HTTPClient, configuration: HTTPClient.Configuration)?
        var isShutDown = false
        /// Closes what was used before.
        var retirement: Task<Void, Never>?
    }

    private let make: @Sendable () throws(TransportFailure) -> HTTPClient.Configuration
    private let state = Mutex(State())

    /// Connects to nobody yet.
    ///
    /// - Parameter make: Reads how connections are made, and is called again for new ones: certificates may be others then.
    public init(_ make: @escaping @Sendable () throws(TransportFailure) -> HTTPClient.Configuration) {
        self.make = make
    }

    /// What requests are sent with.
    ///
    /// - Throws: `configuration` when there are no certificates yet that can be used.
    public var http: HTTPClient {
        get throws(TransportFailure) {
            try state.withLock { (state) throws(TransportFailure) in
                if let current = state.current { return current.http }
                if state.isShutDown { throw TransportFailure(.unreachable, "the client was shut down") }
                let configuration = try make()
                let http = Self.client(configuration)
                state.current = (http, configuration)
                return http
            }
        }
    }

    /// Gives up all connections: what is under way fails, and what follows makes new ones.
    public func renew() {
        let read = try? make()
        state.withLock { state in
            guard let current = state.current else { return }
            Self.renew(&state, read ?? current.configuration)
        }
    }

    /// Takes certificates and key from their files again, and gives up all connections when they are others now.
    ///
    /// - Returns: Whether they are.
    public func rereadCertificates() -> Bool {
        guard let read = try? make() else { return false }
        return state.withLock { state in
            guard let current = state.current, read.hasOtherCertificates(than: current.configuration) else {
                return false
            }
            Self.renew(&state, read)
            return true
        }
    }

    /// Closes all connections; what is under way fails.
    public func shutdown() async {
        let (current, retirement) = state.withLock { state in
            state.isShutDown = true
            return (state.current.take(), state.retirement)
        }
        // It fails only when it was done before.
        try? await current?.http.shutdown()
        await retirement?.value
    }

    private static func renew(_ state: inout State, _ configuration: HTTPClient.Configuration) {
        guard let former = state.current?.http else { return }
        let earlier = state.retirement
        state.current = (client(configuration), configuration)
        state.retirement = Task {
            try? await former.shutdown()
            await earlier?.value
        }
    }

    private static func client(_ configuration: HTTPClient.Configuration) -> HTTPClient {
        HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }
}
