// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Overlay

extension LeaseKeeper {
    /// Tells the store whenever the node has got ready, as often as it takes; works until the task is cancelled.
    func announceReadiness() async {
        while !Task.isCancelled {
            await node.readiness.wait()
            var delay = Self.shortest
            // A node that is not ready any more rings again when it is.
            while !Task.isCancelled, await node.isReady {
                do throws(OverlayError) {
                    try await store.announceReadiness()
                    await node.noteAnnouncement(nil)
                    break
                } catch { await node.noteAnnouncement(error) }
                try? await Task.sleep(for: delay)
                delay = min(delay * 2, Self.longest)
            }
        }
    }
}
