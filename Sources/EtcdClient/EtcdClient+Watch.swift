// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTransport
internal import JSON
internal import NIOHTTP1

extension EtcdClient {
    /// Watches keys from a revision on; returns when a member has said that it watches.
    ///
    /// - Parameter revision: The first revision of the store whose changes are told.
    /// - Throws: `compacted` when that revision is not kept any more, or the store has not come as far.
    public func watch(_ range: EtcdKeyRange, from revision: Int64) async throws(EtcdError) -> EtcdWatch {
        var create = range.wire
        create["start_revision"] = .wire(revision)
        let body = JSONValue.object(JSONObject([("create_request", .object(create))])).text()
        return try await withEndpoints { (endpoint) async throws(EtcdError) in
            try await self.withToken(at: endpoint) { (token) async throws(EtcdError) in
                let watch = try self.start(body, from: revision, at: endpoint, token: token)
                return try await watch.open(within: self.options.requestLimit) ? watch : nil
            }
        }
    }

    private func start(
        _ body: [UInt8],
        from revision: Int64,
        at endpoint: String,
        token: String?
    ) throws(EtcdError) -> EtcdWatch {
        // Without it a member that has lost its cluster would be silent for ever.
        var headers = HTTPHeaders([("Grpc-Metadata-hasleader", "true"), ("content-type", "application/json")])
        if let token { headers.add(name: "authorization", value: token) }
        let inbox = ResponseInbox(endpoint: endpoint)
        do {
            let request = try HTTPClient.Request(
                url: "\(endpoint)/v3/watch",
                method: .POST,
                headers: headers,
                body: .bytes(body)
            )
            return EtcdWatch(
                inbox,
                try http.execute(request: request, delegate: inbox),
                endpoint: endpoint,
                from: revision,
                silenceLimit: options.silenceLimit,
                forgetToken: { [weak self] in self?.forgetToken() }
            )
        } catch { throw EtcdError(transport: error, endpoint: endpoint) }
    }
}
