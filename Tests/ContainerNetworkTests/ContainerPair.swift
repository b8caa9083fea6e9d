// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import ContainerNetwork
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import RouteNetlink
import Testing

/// A pair between a host's and a container's namespace, both ends new.
final class ContainerPair {
    let host: NetworkNamespace
    let container: NetworkNamespace
    let sockets: AttachmentSockets
    let interface: ContainerInterface

    init(detectsDuplicates: Bool = false) throws {
        host = try .temporary()
        container = try .temporary()
        let path = container.path
        sockets = try host.run { Result { try AttachmentSockets(namespacePath: path) } }.get()
        let indices = try sockets.host.addVeth(
            VethPair(name: "host0", isUp: true, peerName: "eth0", peerNamespace: container.rawDescriptor)
        )
        interface = ContainerInterface(
            sockets: sockets,
            name: "eth0",
            index: try #require(indices.peer),
            detectsDuplicates: detectsDuplicates
        )
    }

    func routes(_ family: String) throws -> [JSONNode] {
        try Command.json("ip", family, "-j", "route", "show", "table", "all", in: container).elements()
    }
}

extension NetworkResult {
    /// A result with these addresses, each with the first of its subnet as gateway.
    static func made(_ addresses: [String], routes: [RouteConfiguration] = []) throws -> NetworkResult {
        var result = NetworkResult()
        for text in addresses {
            let prefix = try #require(IPPrefix(text))
            result.ips.append(.init(address: prefix, gateway: prefix.first.next, interface: 2))
        }
        result.routes = routes
        return result
    }
}
