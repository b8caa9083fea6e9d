// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import Netlink
internal import RouteNetlink

/// An attachment's claim to ports, held against those of others.
struct PortClaim {
    private let ruleset: OwnedRuleset
    private let owner: ElementOwner

    /// A claim of an attachment.
    init(_ ruleset: OwnedRuleset, _ owner: ElementOwner) {
        self.ruleset = ruleset
        self.owner = owner
    }

    /// What becomes of ports that are not all free.
    struct Decision {
        /// What is removed and added.
        var resolution = OwnedRuleset.Resolution()
        /// Ports that stay with another attachment of this container, and that one.
        var left: [(port: PublishedPort, owner: ElementOwner)] = []
    }

    /// Decides about each port: own ones stay, those of the dead are taken over, the same container's are left.
    ///
    /// - Throws: ``CNIError`` with code 105 when a port belongs to another that lives.
    func decide(_ ports: [PublishedPort]) throws(CNIError) -> Decision {
        var decision = Decision()
        for port in ports {
            let rivals = try rivals(of: port)
            if let other = try livingRival(rivals, of: port) {
                decision.left.append((port, other))
                continue
            }
            // What differs in anything gives way: its key may be ours, and its value is not.
            let mine = [port.entrance, port.target]
            for rival in rivals where !mine.contains(where: { $0.isSame(as: rival) }) {
                // Two addresses of one port have the same rival, and the kernel refuses to delete it twice.
                if decision.resolution.removing.contains(where: { $0.isSame(as: rival) }) { continue }
                decision.resolution.removing.append(rival)
            }
            decision.resolution.adding += mine.filter { element in !rivals.contains { $0.isSame(as: element) } }
            if let marker = port.marker { decision.resolution.shared.append(marker) }
        }
        return decision
    }

    /// The elements that exclude a port: in its places, and of the same port for other addresses.
    private func rivals(of port: PublishedPort) throws(CNIError) -> [PlacedElement] {
        guard let first = try ruleset.occupant(of: port.first) else {
            // Where the first look-up finds nothing, the rest is what an outsider left when it removed part of ours.
            return try ruleset.occupants(of: [port.entrance, port.target])
        }
        let family = port.family
        if !first.isMarker(family) {
            let target = PlacedElement(SetElement(key: first.element.key), in: PortRuleset.targets(family))
            return [first] + (try ruleset.occupants(of: [target]))
        }
        if port.marker != nil {
            return try ruleset.occupants(of: [port.entrance, port.target])
        }
        var rivals = [first]
        for set in [PortRuleset.addressedPorts(family), PortRuleset.addressedTargets(family)] {
            let elements = try kernel { () throws(NetlinkError) in try ruleset.socket.elements(of: set) }
            rivals += elements.map { PlacedElement($0, in: set) }
                .filter { PublishedPort.marker(of: $0, family).element.key == first.element.key }
        }
        return rivals
    }

    /// The other attachment of this container that has the port; nil when nobody living has it.
    private func livingRival(
        _ rivals: [PlacedElement],
        of port: PublishedPort
    ) throws(CNIError) -> ElementOwner? {
        for rival in rivals where !rival.isMarker(port.family) {
            guard let other = rival.owner else { throw conflict(port, with: "\"\(rival.element.comment)\"") }
            if other.identity == owner.identity { continue }
            if other.container == owner.container { return other }
            guard let index = other.hostInterface,
                try kernel({ () throws(NetlinkError) in try RouteSocket.open().link(index) }) == nil
            else { throw conflict(port, with: other.names) }
        }
        return nil
    }

    private func conflict(_ port: PublishedPort, with owner: String) -> CNIError {
        CNIError(
            .conflict,
            "\(port.mapping) is in use: it is published already, by \(owner)",
            details: "choose another hostPort, or stop that container; to see it: nft list map "
                + "\(port.entrance.set.table) \(port.first.set.name)"
        )
    }
}

extension PlacedElement {
    /// Whether key, value and owner are the same.
    fileprivate func isSame(as other: PlacedElement) -> Bool { set == other.set && element == other.element }
}
