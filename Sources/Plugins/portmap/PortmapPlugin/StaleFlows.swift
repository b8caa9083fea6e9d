// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Conntrack
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import Netlink
internal import RouteNetlink

/// Connections that the kernel remembers the old way of, and would go on sending there.
enum StaleFlows {
    /// After ports were published: packets that went elsewhere before.
    ///
    /// UDP has no end that the kernel sees, so that a client's next packet would be taken for more of the same; other
    /// protocols' connections lead nowhere only when the port was another's, now dead.
    static func forget(
        _ ports: [PublishedPort],
        replaced: [PlacedElement],
        _ host: borrowing RouteSocket
    ) throws(CNIError) {
        let wanted = ports.filter { $0.mapping.transport == .udp || !replaced.isEmpty }
        if wanted.isEmpty { return }
        let filter = FlowFilter(wanted.map(\.flowPort), notLeadingTo: wanted.compactMap(\.target.address))
        try tracked { (conntrack) throws(NetlinkError) in
            guard try conntrack.flowCount() > 0 else { return }
            // What this host only forwards has the same port by chance.
            var isLocal: [IPAddress: Bool] = [:]
            var stale: [Flow] = []
            for flow in try conntrack.flows(matching: filter) {
                let destination = flow.original.destination
                if isLocal[destination] == nil {
                    isLocal[destination] = try host.route(to: destination)?.isLocal ?? false
                }
                if isLocal[destination] == true { stale.append(flow) }
            }
            try conntrack.remove(stale)
        }
    }

    /// After ports were withdrawn: connections to the container, which another may follow under the same port.
    static func forget(withdrawn elements: [PlacedElement]) throws(CNIError) {
        var ports: [FlowFilter.Port] = []
        for element in elements {
            guard let port = element.withdrawnPort else { continue }
            ports.append(port)
        }
        if ports.isEmpty { return }
        let filter = FlowFilter(ports, leadingTo: Array(Set(elements.compactMap(\.address))))
        try tracked { (conntrack) throws(NetlinkError) in try conntrack.removeFlows(matching: filter) }
    }

    private static func tracked(
        _ body: (borrowing ConntrackSocket) throws(NetlinkError) -> Void
    ) throws(CNIError) {
        do throws(NetlinkError) { try body(try ConntrackSocket.open()) } catch {
            // Without connection tracking there is no NAT that could be stale.
            if error.code != .unavailable { throw CNIError(error) }
        }
    }
}

extension PublishedPort {
    fileprivate var flowPort: FlowFilter.Port {
        FlowFilter.Port(mapping.transport, mapping.hostPort, of: mapping.specificAddress, to: mapping.containerPort)
    }
}

extension PlacedElement {
    /// The container's address in a target's value; nil for other elements.
    var address: IPAddress? {
        guard case .fields(let bytes) = element.value, bytes.count > 4 else { return nil }
        return IPAddress(octets: bytes.dropLast(4))
    }

    /// The port that a target stands for; nil for other elements.
    fileprivate var withdrawnPort: FlowFilter.Port? {
        guard case .fields(let bytes) = element.value, bytes.count > 4, element.key.count >= 8 else { return nil }
        let target = bytes.suffix(4)
        let port = element.key.suffix(8)
        func number(_ octets: ArraySlice<UInt8>) -> UInt16 {
            octets.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
        }
        return FlowFilter.Port(
            TransportProtocol(rawValue: port.first ?? 0),
            number(port.suffix(4)),
            of: IPAddress(octets: element.key.dropLast(8)),
            to: number(target)
        )
    }
}
