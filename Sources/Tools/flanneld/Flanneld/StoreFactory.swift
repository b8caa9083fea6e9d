// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import Overlay
internal import OverlayEtcd
internal import OverlayFile
internal import OverlayKubernetes

/// Makes the store that the options name.
struct StoreFactory: Sendable {
    private let options: DaemonOptions

    init(_ options: DaemonOptions) { self.options = options }

    /// Opens the store for as long as the body runs.
    func withStore(
        _ body: (any SubnetStore) async throws(OverlayError) -> Void
    ) async throws(OverlayError) {
        switch options.store {
        case .directory(let directory):
            var settings = FileStoreOptions(directory: directory)
            settings.stateDirectory = options.stateDirectory
            settings.subnetFile = options.subnetFile
            settings.timeToLive = .seconds(options.leaseTimeToLive)
            try await body(try FileSubnetStore(settings))
        case .etcd(let etcd):
            let store = try EtcdSubnetStore(settings(of: etcd))
            let result = await Self.result { () throws(OverlayError) in try await body(store) }
            await Self.giveTime { await store.shutdown() }
            try result.get()
        case .kubernetes(let settings):
            let store = try KubernetesSubnetStore(settings)
            let result = await Self.result { () throws(OverlayError) in try await body(store) }
            await Self.giveTime { await store.shutdown() }
            try result.get()
        }
    }

    private static func result(_ body: () async throws(OverlayError) -> Void) async -> Result<Void, OverlayError> {
        do throws(OverlayError) { return .success(try await body()) } catch { return .failure(error) }
    }

    /// Waits for an end that is nobody's but the server's to grant, though not for long: the process ends after it anyway.
    private static func giveTime(_ end: @escaping @Sendable () async -> Void) async {
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        Task {
            await end()
            continuation.finish()
        }
        Task {
            try? await Task.sleep(for: .milliseconds(300))
            continuation.finish()
        }
        for await _ in ended {}
    }

    private func settings(of etcd: DaemonOptions.EtcdOptions) -> EtcdStoreOptions {
        var client = EtcdClientOptions(endpoints: etcd.endpoints)
        client.authorityFile = etcd.authority.isEmpty ? nil : etcd.authority
        client.certificateFile = etcd.certificate.isEmpty ? nil : etcd.certificate
        client.privateKeyFile = etcd.key.isEmpty ? nil : etcd.key
        if !etcd.username.isEmpty { client.user = .init(name: etcd.username, password: etcd.password) }
        var settings = EtcdStoreOptions(client: client)
        settings.prefix = etcd.prefix
        settings.stateDirectory = options.stateDirectory
        settings.timeToLive = .seconds(options.leaseTimeToLive)
        // A margin that leaves no time between two renewals is one for the usual, longer lease.
        settings.renewalMargin = .seconds(min(60 * options.renewalMargin, options.leaseTimeToLive / 2))
        return settings
    }
}
