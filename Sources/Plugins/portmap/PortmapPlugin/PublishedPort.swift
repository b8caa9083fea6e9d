// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Conntrack
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables

/// A mapping in one family, as elements of the sets.
struct PublishedPort {
    /// The mapping.
    let mapping: PortMapping
    /// The family.
    let family: AddressFamily
    /// What the look-ups of a packet lead to: the network's chain.
    let entrance: PlacedElement
    /// The container's address and port.
    let target: PlacedElement
    /// For a mapping of a single address: the element of the first look-up that leads to the second, shared by all such
    /// mappings of the port.
    let marker: PlacedElement?

    /// Publishes a port of a container in the family of its address.
    init(_ mapping: PortMapping, to container: IPAddress, network: String, comment: String) {
        self.mapping = mapping
        family = container.family
        let port: [FieldValue] = [.transportProtocol(mapping.transport.rawValue), .port(mapping.hostPort)]
        let entranceValue = SetElement.Value.verdict(.goto(NetworkPortChains.name(family, network: network)))
        let targetValue = SetElement.Value.fields([.address(container), .port(mapping.containerPort)].concatenated)
        if let address = mapping.specificAddress {
            let key = [.address(address)] + port
            entrance = PlacedElement(
                SetElement(key, value: entranceValue, comment: comment),
                in: PortRuleset.addressedPorts(family)
            )
            target = PlacedElement(
                SetElement(key, value: targetValue, comment: comment),
                in: PortRuleset.addressedTargets(family)
            )
            marker = Self.marker(port, family)
        } else {
            entrance = PlacedElement(
                SetElement(port, value: entranceValue, comment: comment),
                in: PortRuleset.ports(family)
            )
            target = PlacedElement(
                SetElement(port, value: targetValue, comment: comment),
                in: PortRuleset.targets(family)
            )
            marker = nil
        }
    }

    /// The mappings of a container, each in the families that it means and the container has.
    static func all(
        _ mappings: [PortMapping],
        _ addresses: [IPAddress],
        network: String,
        comment: String
    ) -> [PublishedPort] {
        mappings.flatMap { mapping in
            addresses.filter { mapping.applies(to: $0.family) }
                .map { PublishedPort(mapping, to: $0, network: network, comment: comment) }
        }
    }

    /// The element of the first look-up, which is where all that concerns the port meets.
    var first: PlacedElement { marker ?? entrance }

    private static func marker(_ port: [FieldValue], _ family: AddressFamily) -> PlacedElement {
        PlacedElement(
            SetElement(
                port,
                value: .verdict(.goto(PortRuleset.addressChain(family))),
                comment: "published for single addresses"
            ),
            in: PortRuleset.ports(family)
        )
    }

    /// The marker in front of an element of the second look-up.
    static func marker(of addressed: PlacedElement, _ family: AddressFamily) -> PlacedElement {
        let port = Array(addressed.element.key.dropFirst(family.bitWidth / 8))
        return PlacedElement(SetElement(key: port), in: PortRuleset.ports(family))
    }
}

extension PlacedElement {
    /// Whether it leads to the second look-up.
    func isMarker(_ family: AddressFamily) -> Bool {
        element.verdict?.target == PortRuleset.addressChain(family)
    }
}
