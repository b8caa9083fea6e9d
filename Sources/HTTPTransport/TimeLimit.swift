// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Does something for a limited time.
///
/// - Parameter failure: What is thrown when the time is over.
public func within<Result: Sendable, Failure: Error>(
    _ limit: Duration,
    orThrow failure: Failure,
    _ body: @escaping @Sendable () async throws(Failure) -> Result
) async throws(Failure) -> Result {
    let result = await withTaskGroup(of: Swift.Result<Result, Failure>.self) { group in
        group.addTask {
            do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
        }
        group.addTask {
            try? await Task.sleep(for: limit)
            return .failure(failure)
        }
        let first = await group.next()
        group.cancelAll()
        return first ?? .failure(failure)
    }
    return try result.get()
}
