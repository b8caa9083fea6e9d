// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import HostLocalStore
internal import IPAddresses

/// `host-local`: addresses out of ranges, kept in files on this host.
public struct HostLocalPlugin: Plugin {
    /// "host-local".
    public static var name: String { "host-local" }
    /// `IP`: an address to request.
    public static var knownArguments: Set<String> { ["IP"] }

    /// Makes the plugin.
    public init() {}

    /// Reserves an address out of each range set.
    public func add(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        let configuration = try HostLocalConfiguration(request.configuration)
        let requested = try configuration.requestedAddresses(arguments: request.arguments)
        var result = NetworkResult()
        result.routes = try configuration.routes()
        result.dns = try configuration.dns()

        let store = try configuration.location.store()
        let grants = try store.reserve(configuration.rangeSets, requested: requested, for: request.attachment)
        try request.undo.register("release the addresses of \(request.attachment)") { () throws(CNIError) in
            try store.releaseAddresses(of: request.attachment)
        }
        result.ips = grants.map { NetworkResult.IPConfiguration(address: $0.prefix, gateway: $0.range.gateway) }
        return result
    }

    /// Releases the attachment's addresses; the ranges need not be valid any more.
    public func delete(_ request: DeleteRequest) throws(CNIError) {
        try usableStore(request)?.releaseAddresses(of: request.attachment)
    }

    /// Verifies that the attachment has reservations, and that they are the addresses of the previous result.
    public func check(_ request: CheckRequest) throws(CNIError) {
        let configuration = try HostLocalConfiguration(request.configuration)
        let reserved = try configuration.location.store().addresses(of: request.attachment)
        guard !reserved.isEmpty else {
            throw CNIError(
                .checkFailed,
                "host-local: no address is reserved for \(request.attachment)",
                details: "the reservation was removed; delete and add the container"
            )
        }
        guard let previous = try request.configuration.previousResult() else { return }
        let addresses = previous.ips.map(\.address.address)
        // A later plugin of the chain may have added addresses of its own; ours are those in our ranges.
        for address in addresses where !reserved.contains(address) {
            guard configuration.rangeSets.contains(where: { $0.contains(address) }) else { continue }
            throw CNIError(
                .checkFailed,
                "host-local: \(address) of prevResult is not reserved for \(request.attachment)",
                details: "reserved: \(reserved.map(\.description).joined(separator: ", "))"
            )
        }
        for address in reserved where !addresses.contains(address) {
            throw CNIError(
                .checkFailed,
                "host-local: \(address) is reserved for \(request.attachment) but not in prevResult",
                details: "prevResult: \(addresses.map(\.description).joined(separator: ", "))"
            )
        }
    }

    /// Fails with code 50 when a range set has no address left, or when reservations cannot be written.
    public func status(_ request: StatusRequest) throws(CNIError) {
        let configuration = try HostLocalConfiguration(request.configuration)
        try configuration.location.store().requireAvailability(in: configuration.rangeSets)
    }

    /// Releases all addresses of the network that no valid attachment owns; the ranges need not be valid any more.
    public func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        try usableStore(request)?.releaseAddresses(exceptOf: request.validAttachments)
    }

    /// The store to release from; nil when `dataDir` is one that ADD would have refused, so that nothing is in it.
    private func usableStore(_ request: some PluginRequest) -> ReservationStore? {
        do { return try StoreLocation(request.configuration).store() } catch {
            request.diagnostics.warn("nothing to release: \(error)")
            return nil
        }
    }
}
