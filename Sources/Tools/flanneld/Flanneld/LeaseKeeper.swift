// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
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

    /// How long is waited after a first failure, and how long after many.
    static var shortest: Duration { .milliseconds(200) }
    static var longest: Duration { .seconds(5) }

    /// Works until the task is cancelled.
    func run() async {
        var delay = Self.shortest
        var addresses = PerFamily<IPAddress>()
        while !Task.isCancelled {
            let former = addresses
            addresses = await node.localAddresses
            if addresses != former { store.reconnect() }
            do throws(OverlayError) {
                let configuration = try await configuration()
                await node.use(try await store.addressHints())
                // Only with a network it is known which addresses count.
                if addresses.families.isEmpty { addresses = await node.localAddresses }
                if let description = await node.description() {
                    let held = try await store.holdLease(
                        publishing: description,
                        in: configuration,
                        previous: await node.previousSubnets()
                    )
                    await node.use(held, for: description)
                    delay = Self.shortest
                    await node.noteLimitations(store.limitations)
                    await bell.wait(atMost: held.renewal)
                    continue
                }
                // An uplink that appears rings.
                await node.tell()
            } catch { await node.noteLeaseProblem(error) }
            await node.noteLimitations(store.limitations)
            // Somewhere in a large cluster something changes all the time: that must not have it asked for at once each time.
            try? await Task.sleep(for: delay / 5)
            await bell.wait(atMost: delay * 4 / 5)
            delay = min(delay * 2, Self.longest)
        }
    }

    /// The network's configuration; where it is wrong or gone, the last good one.
    ///
    /// A slip in it must not cost each node its lease, one after the other, as they come to renew it.
    private func configuration() async throws(OverlayError) -> NetworkConfiguration {
        let configuration: NetworkConfiguration
        do throws(OverlayError) { configuration = try await store.networkConfiguration() } catch {
            switch error.code {
            case .configuration, .notConfigured, .malformedText:
                guard let known = await node.noteConfigurationProblem(error) else { throw error }
                return known
            default: throw error
            }
        }
        await node.use(configuration)
        return configuration
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

extension OverlayNode {
    /// From where this node talks to others; those that can no longer be found out stay what they were.
    fileprivate var localAddresses: PerFamily<IPAddress> {
        PerFamily(v4: uplink.choices.v4?.address, v6: uplink.choices.v6?.address)
    }
}
