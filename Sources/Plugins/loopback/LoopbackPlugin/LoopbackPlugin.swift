// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import LinuxSystem
internal import Netlink
internal import RouteNetlink

/// Brings the container's loopback interface up.
public struct LoopbackPlugin: Plugin {
    /// "loopback".
    public static var name: String { "loopback" }

    /// The interface, whatever `CNI_IFNAME` says.
    private static let interfaceName = "lo"

    /// Makes the plugin.
    public init() {}

    /// Brings `lo` up, and reports it unless an earlier plugin's result is there to pass on.
    public func add(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        let sockets = try AttachmentSockets(namespacePath: request.namespacePath)
        let link = try loopback(sockets.container)
        if !link.isUp {
            try kernel { () throws(NetlinkError) in try sockets.container.bringUp(link.index) }
            try request.undo.register("bring lo down") { () throws(CNIError) in
                try kernel { () throws(NetlinkError) in try sockets.container.bringDown(link.index) }
            }
        }
        let addresses = try kernel { () throws(NetlinkError) in try sockets.container.addresses(of: link.index) }
        if let stranger = addresses.first(where: { !$0.prefix.address.isLoopback }) {
            throw CNIError(
                .conflict,
                "loopback interface has a non-loopback address \(stranger.prefix)",
                details: "remove it inside the container's network namespace"
            )
        }
        if let previous = try request.configuration.previousResult() { return previous }
        var result = NetworkResult()
        result.interfaces = [
            .init(name: link.name, mac: "00:00:00:00:00:00", mtu: link.mtu, sandbox: request.namespacePath)
        ]
        for family in AddressFamily.allCases {
            guard let address = addresses.first(where: { $0.prefix.family == family }) else { continue }
            result.ips.append(.init(address: address.prefix, interface: 0))
        }
        return result
    }

    /// Takes `lo` down; a namespace that is gone took it along.
    public func delete(_ request: DeleteRequest) throws(CNIError) {
        guard let path = request.namespacePath, let namespace = try? NetworkNamespace.open(path) else { return }
        let container = try kernel { () throws(NetlinkError) in try RouteSocket.open(in: namespace) }
        let link = try loopback(container)
        if link.isUp { try kernel { () throws(NetlinkError) in try container.bringDown(link.index) } }
    }

    /// Verifies that `lo` is up.
    public func check(_ request: CheckRequest) throws(CNIError) {
        let sockets = try AttachmentSockets(namespacePath: request.namespacePath)
        guard try loopback(sockets.container).isUp else {
            throw AttachmentCheck.difference("loopback interface lo is down in the container")
        }
    }

    private func loopback(_ container: borrowing RouteSocket) throws(CNIError) -> Link {
        let found = try kernel { () throws(NetlinkError) in try container.link(named: Self.interfaceName) }
        guard let link = found else { throw CNIError(.conflict, "the container has no loopback interface lo") }
        return link
    }
}
