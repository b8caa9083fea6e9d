// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Overlay

/// Gets the network's configuration and the node's lease from a store, and keeps them.
///
/// It never gives up: whatever the store says, it asks again.
struct LeaseKeeper<Store: SubnetStore>: Sendable {
    let store: Store
    let node: OverlayNode
    /// Rung when the lease is lost, when the node is reached otherwise, and to read the configuration again.
    let bell: Bell

    private static var shortest: Duration { .milliseconds(200) }
    private static var longest: Duration { .seconds(5) }

    /// Works until the task is cancelled.
    func run() async {
        var delay = Self.shortest
        while !Task.isCancelled {
            do throws(OverlayError) {
                let configuration = try await store.networkConfiguration()
                await node.use(configuration)
                if let description = await node.description() {
                    let held = try await store.holdLease(
                        publishing: description,
                        in: configuration,
                        previous: await node.previousSubnets()
                    )
                    await node.use(held)
                    delay = Self.shortest
                    await bell.wait(atMost: held.renewal)
                    continue
                }
                // An uplink that appears rings.
                await node.tell()
            } catch { await node.noteLeaseProblem(error) }
            await bell.wait(atMost: delay)
            delay = min(delay * 2, Self.longest)
        }
    }

    /// Hands the store's snapshots to the node until the task is cancelled.
    func follow() async {
        while !Task.isCancelled {
            for await snapshot in store.snapshots() {
                if await !node.use(snapshot) { bell.ring() }
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }
}
