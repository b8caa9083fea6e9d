// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Netlink
internal import Overlay
internal import OverlayFile
internal import RouteNetlink

/// `flanneld cleanup`: removes all that the daemon has made on this node, and what plugins keep for the overlay's next
/// container, so that nothing of the overlay is left.
///
/// It goes by what the daemon wrote down, and can be repeated: what is gone already is no error.
struct CleanupCommand: Sendable {
    private let options: DaemonOptions

    init(_ options: DaemonOptions) { self.options = options }

    /// Removes the network list first, so that nobody attaches a container any more, and the lease last, so that nobody is
    /// given the subnet while this node still uses it.
    func run() async throws(OverlayError) {
        let lock = try DaemonLock(options)
        let files = try NodeFiles(options)
        if try files.withdrawNetworkList() { say("removed \(files.networkList?.path ?? "")") }
        do throws(NetlinkError) { try removeFromKernel(made(files.subnetFile)) } catch {
            throw OverlayError(.localFile, "\(error)", advice: "flanneld cleanup needs the capability CAP_NET_ADMIN")
        }
        let directory = Path.parent(of: files.subnetFile)
        try remove([
            files.subnetFile, files.statusFile, HealthServer.socketPath(beside: files.subnetFile),
            RememberedNetwork.path(in: options.stateDirectory), NodeRecord.path(in: options.stateDirectory),
        ])
        // Without it no list counts as the daemon's, so it goes behind the list.
        if let networkList = files.networkList { try remove(networkList.records) }
        try await releaseLease()
        withExtendedLifetime(lock) {}
        try remove(["\(directory)/flanneld.lock"])
    }

    /// What the daemon made in the kernel, as far as any of its files tells.
    private func made(_ subnetFile: String) -> NodeRecord {
        var configuration: NetworkConfiguration?
        do throws(OverlayError) {
            let path = RememberedNetwork.path(in: options.stateDirectory)
            configuration = try RememberedNetwork(at: path)?.configuration
        } catch { say("goes on without a file that cannot be read: \(error.message)") }
        var record = NodeRecord()
        do throws(OverlayError) { record = try NodeRecord(at: NodeRecord.path(in: options.stateDirectory)) } catch {
            say("goes on without a file that cannot be read: \(error.message)")
            record.devices = configuration?.deviceNames ?? []
        }
        record.networks += configuration?.networks ?? []
        if let network = (try? SubnetFile(at: subnetFile))?.network {
            record.networks += network.families.compactMap { network[$0] }
        }
        return record
    }

    private func removeFromKernel(_ made: NodeRecord) throws(NetlinkError) {
        let socket = try RouteSocket.open()
        for name in made.devices {
            guard let link = try socket.link(named: name), link.kind == "vxlan" else { continue }
            try socket.removeLink(link.index)
            say("removed device \(name)")
        }
        for family in AddressFamily.allCases {
            let routes = try socket.routes(family: family, table: 254).filter { route in
                made.networks.contains(where: route.isOverlayRoute)
            }
            guard !routes.isEmpty else { continue }
            _ = try socket.performSeries(try routes.map { (route) throws(NetlinkError) in try .removeRoute(route) })
            say("removed \(routes.count) routes")
        }
        if try !TrafficRuleKeeper.open().remove().isUnchanged { say("removed the traffic rules") }
        let remains = try PluginRemains.open()
        for (name, isRemoved) in try remains.removeBridges(of: made.networks) {
            say(
                isRemoved
                    ? "removed bridge \(name)"
                    : "left bridge \(name), as containers are on it; when they are gone: ip link delete \(name)"
            )
        }
        for table in try remains.removeTables() { say("removed the empty table \(table)") }
    }

    private func remove(_ paths: [String]) throws(OverlayError) {
        do throws(SystemCallError) {
            for path in paths where try File.remove(path) { say("removed \(path)") }
        } catch { throw OverlayError(.localFile, error) }
    }

    private func releaseLease() async throws(OverlayError) {
        do throws(OverlayError) {
            try await StoreFactory(options).withStore { (store) async throws(OverlayError) in
                try await store.releaseLease()
            }
            say("gave the lease back to \(options.store.summary)")
        } catch {
            throw OverlayError(
                error.code,
                "nothing is left on this node, but the lease could not be given back: \(error.message)",
                advice: options.store.isKubernetes
                    ? "repeat the command with the daemon's flags when the API is there, or remove the node's annotations"
                    : "it ends by itself, or repeat the command with the daemon's flags when the store is there"
            )
        }
    }

    private func say(_ line: String) { StandardStream.output.write(line: line) }
}
