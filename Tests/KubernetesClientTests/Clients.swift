// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import KubernetesTesting
internal import Testing

/// The beginning of the annotations that the tests' clients keep.
let prefix = "net.example.org/"

/// Runs a test with a client of a server, which is shut down afterwards, and checks that it sent nothing unexpected.
func withClient<Result>(
    of server: KubernetesServer,
    _ change: (inout KubernetesClientOptions) -> Void = { _ in },
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (KubernetesClient) async throws -> Result
) async throws -> Result {
    var options = KubernetesClientOptions(server: server.url)
    options.annotationPrefix = prefix
    change(&options)
    let client = try KubernetesClient(options)
    do {
        let result = try await body(client)
        await client.shutdown()
        #expect(server.violations == [], sourceLocation: sourceLocation)
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Expects a failure of a kind whose text contains some words.
func expectFailure(
    _ code: KubernetesError.Code,
    _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    let error = await #expect(throws: KubernetesError.self, sourceLocation: sourceLocation) { try await body() }
    #expect(error?.code == code, "\(error?.message ?? "none")", sourceLocation: sourceLocation)
    for word in words {
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "none")", sourceLocation: sourceLocation)
    }
}

/// Waits until something is so.
func eventually(sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool) async throws {
    for _ in 0..<500 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("it never came true", sourceLocation: sourceLocation)
}
