// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import Testing

/// Runs a test with a client, which is shut down afterwards.
func withClient<Result>(
    _ endpoints: [String],
    _ change: (inout EtcdClientOptions) -> Void = { _ in },
    _ body: (EtcdClient) async throws -> Result
) async throws -> Result {
    var options = EtcdClientOptions(endpoints: endpoints)
    change(&options)
    let client = try EtcdClient(options)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Expects a failure of a kind whose text contains some words.
func expectFailure(
    _ code: EtcdError.Code,
    _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    let error = await #expect(throws: EtcdError.self, sourceLocation: sourceLocation) { try await body() }
    #expect(error?.code == code, "\(error?.message ?? "none")", sourceLocation: sourceLocation)
    for word in words {
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "none")", sourceLocation: sourceLocation)
    }
}
