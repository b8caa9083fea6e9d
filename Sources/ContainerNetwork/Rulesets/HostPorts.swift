// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
public import NFTables
internal import Netlink

/// The look-ups of published ports: first protocol and port, then also the address where a port is published for single
/// addresses only.
///
/// Between the two stands a marker, an element of the first that leads to the second. It is nobody's and goes with the last
/// port behind it, whoever removes that.
public enum HostPorts {
    /// The table of port maps.
    public static let table = Table(.inet, "cni_portmap")

    /// What a packet's protocol and port lead to: a network's chain, or ``addressChain(_:)``.
    public static func ports(_ family: AddressFamily) -> NamedSet {
        NamedSet("hostports\(family.digit)", in: table, key: [.transportProtocol, .port], value: .verdict)
    }

    /// What a packet's destination, protocol and port lead to: a network's chain.
    public static func addressedPorts(_ family: AddressFamily) -> NamedSet {
        NamedSet(
            "hostports_by_address\(family.digit)",
            in: table,
            key: [.address(family), .transportProtocol, .port],
            value: .verdict
        )
    }

    /// The chain of the second look-up.
    public static func addressChain(_ family: AddressFamily) -> String { "by_address\(family.digit)" }

    /// The marker of a protocol and port.
    public static func marker(_ port: [FieldValue], _ family: AddressFamily) -> PlacedElement {
        PlacedElement(
            SetElement(
                port,
                value: .verdict(.goto(addressChain(family))),
                comment: "published for single addresses"
            ),
            in: ports(family)
        )
    }

    /// The place of the marker in front of an element of the second look-up.
    public static func marker(of addressed: PlacedElement, _ family: AddressFamily) -> PlacedElement {
        let port = Array(addressed.element.key.dropFirst(family.bitWidth / 8))
        return PlacedElement(SetElement(key: port), in: ports(family))
    }

    /// Whether an element leads to the second look-up.
    public static func isMarker(_ placed: PlacedElement, _ family: AddressFamily) -> Bool {
        placed.element.verdict?.target == addressChain(family)
    }
}

extension OwnedRuleset {
    /// Has markers removed that lead to nothing when certain elements are gone.
    public func appendUnusedMarkers(
        _ transaction: inout Transaction,
        _ removed: [PlacedElement]
    ) throws(CNIError) {
        for family in AddressFamily.allCases {
            let set = HostPorts.addressedPorts(family)
            let gone = removed.filter { $0.set == set }
            if gone.isEmpty { continue }
            let goneKeys = Set(gone.map(\.element.key))
            let kept = try kernel { () throws(NetlinkError) in try socket.elements(of: set) }
                .filter { !goneKeys.contains($0.key) }
                .map { HostPorts.marker(of: PlacedElement($0, in: set), family) }
            let unused = Set(gone.map { HostPorts.marker(of: $0, family) }).subtracting(kept)
            let markers = try occupants(of: Array(unused)).filter { HostPorts.isMarker($0, family) }
            if markers.isEmpty { continue }
            try kernel { () throws(NetlinkError) in
                try transaction.delete(markers.map(\.element), from: HostPorts.ports(family))
            }
        }
    }
}

extension AddressFamily {
    /// How the names of sets and chains end.
    public var digit: String { self == .v4 ? "4" : "6" }
}
