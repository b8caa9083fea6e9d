// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
internal import JSON

extension Runtime {
    /// What a garbage collection did.
    public struct Collection: Sendable {
        /// The cached attachments that were not in use any more and have been detached.
        public internal(set) var detached: [AttachmentID] = []
        /// Whether the plugins were asked to collect what they hold; not before 1.1.0.
        public internal(set) var ranPlugins = false
    }

    /// Detaches every cached attachment of a network that is not among those in use, then has each plugin collect.
    ///
    /// Nothing happens when the network disables it. Failures do not stop the rest.
    /// - Parameter attachments: All attachments of this network in use, of every runtime on this host. There is no
    ///   default: with an empty set everything goes.
    /// - Throws: The first failure, the others among its consequences.
    @discardableResult
    public func collectGarbage(
        of network: NetworkList,
        keeping attachments: Set<AttachmentID>
    ) throws(RuntimeError) -> Collection {
        var collection = Collection()
        if network.garbageCollectionDisabled { return collection }
        var failures: [RuntimeError] = []
        let listing = try cache.list(network: network.name)
        for warning in listing.warnings { notify(warning) }
        for cached in listing.attachments where !attachments.contains(cached.id) {
            do throws(RuntimeError) {
                try delete(
                    try Attachment(
                        cached.id,
                        namespacePath: cached.namespacePath,
                        arguments: cached.arguments,
                        capabilityArguments: cached.capabilityArguments
                    ),
                    from: network
                )
                collection.detached.append(cached.id)
            } catch { failures.append(error) }
        }
        if network.version.hasGarbageCollectionAndStatus {
            collection.ranPlugins = true
            let valid = JSONValue.array(
                attachments.sorted { ($0.containerID, $0.interfaceName) < ($1.containerID, $1.interfaceName) }
                    .map { ["containerID": .string($0.containerID), "ifname": .string($0.interfaceName)] }
            )
            // The second key is a misspelling in an early libcni that plugins may still read.
            let extra = [("cni.dev/valid-attachments", valid), ("cni.dev/attachments", valid)]
            for (step, plugin) in Runtime.steps(network, .garbageCollect) {
                do { _ = try run(step, network.request(to: plugin, adding: extra)) } catch { failures.append(error) }
            }
        }
        guard var first = failures.first else { return collection }
        first.consequences += failures.dropFirst()
        throw first
    }
}
