// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Wakes one task that waits; rung several times before it waits again, it wakes it once.
final class Bell: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// Wakes the task.
    func ring() { continuation.yield() }

    /// Waits until the bell rings, at most for a time; also ends when the task is cancelled.
    func wait(atMost time: Duration? = nil) async {
        let timer = time.map { time in
            Task { if (try? await Task.sleep(for: time)) != nil { self.ring() } }
        }
        // One task waits at a time, so that each may have an iterator of its own.
        var iterator = stream.makeAsyncIterator()
        await iterator.next()
        timer?.cancel()
    }
}
