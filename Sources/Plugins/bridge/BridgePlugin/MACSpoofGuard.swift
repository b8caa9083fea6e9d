// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import NFTables
internal import RouteNetlink

/// `macspoofchk`: a port lets only frames in that come from the container's own hardware address.
///
/// Each port is an element of a map that leads its frames to the check, and each pair of port and address an element of
/// the set that passes it.
struct MACSpoofGuard {
    /// What is needed of the table.
    static let layout = RulesetLayout(
        table,
        sets: [ports, addresses],
        chains: [
            (
                Chain("macspoof", comment: "frames of guarded ports"),
                [
                    Rule([.member([.inputInterface, .sourceHardwareAddress], of: addresses), .verdict(.return)]),
                    Rule([.verdict(.drop)]),
                ]
            ),
            (
                Chain(
                    "prerouting",
                    at: .init(.filter, .prerouting, priority: ChainPriority.bridgeDestinationNAT)
                ), [Rule([.verdict(of: [.inputInterface], in: ports)])]
            ),
        ]
    )

    private static let table = Table(.bridge, "cni")
    private static let ports = NamedSet("macspoof_ports", in: table, key: [.interfaceName], value: .verdict)
    private static let addresses = NamedSet("macspoof_addresses", in: table, key: [.interfaceName, .hardwareAddress])

    private let ruleset: OwnedRuleset
    private let identity: AttachmentIdentity

    /// The guard of one attachment's port.
    init(_ ruleset: OwnedRuleset, _ identity: AttachmentIdentity) {
        self.ruleset = ruleset
        self.identity = identity
    }

    /// Guards a port, and registers how that is taken back.
    func install(_ mac: MACAddress, hostInterface: LinkIndex, undo: UndoList) throws(CNIError) {
        let share = share(mac, ElementOwner(identity, hostInterface: hostInterface).comment)
        let (ruleset, identity) = (ruleset, identity)
        // The port's name is this attachment's alone, so what is there is its own, of an ADD that was killed.
        let added = try ruleset.install(share) { () throws(CNIError) in
            var resolution = try ruleset.replacingOccupants(of: share)
            resolution.removing += try otherAddresses(than: share)
            return resolution
        }
        try undo.register("remove the guard of \(identity.hostInterfaceName)") { () throws(CNIError) in
            try ruleset.removeElements(ofAttachment: identity.shortDigest, from: Self.layout, knownPlaces: added)
        }
    }

    /// Removes what an ADD made, also when somebody else removed half of it.
    func remove() throws(CNIError) {
        let (ruleset, identity) = (ruleset, identity)
        let port = PlacedElement(SetElement([.interface(identity.hostInterfaceName)]), in: Self.ports)
        try ruleset.remove(from: Self.layout) { () throws(CNIError) in
            try ruleset.occupants(of: [port], ownedBy: identity.shortDigest)
                + (try ruleset.elements(of: [Self.addresses]) { $0.identity == identity.shortDigest })
        }
    }

    /// What CHECK has to say against it; nil when it is as it should be.
    func difference(_ mac: MACAddress) throws(CNIError) -> String? {
        try ruleset.difference(from: share(mac, ""), identity: identity.shortDigest)
    }

    private func otherAddresses(than share: RulesetShare) throws(CNIError) -> [PlacedElement] {
        try ruleset.elements(of: [Self.addresses]) { $0.identity == identity.shortDigest }
            .filter { old in !share.elements.contains { $0.set == old.set && $0.element.key == old.element.key } }
    }

    private func share(_ mac: MACAddress, _ comment: String) -> RulesetShare {
        let port = FieldValue.interface(identity.hostInterfaceName)
        return RulesetShare(
            Self.layout,
            chains: [],
            elements: [
                PlacedElement(SetElement([port, .hardwareAddress(mac)], comment: comment), in: Self.addresses),
                PlacedElement(
                    SetElement([port], value: .verdict(.jump("macspoof")), comment: comment),
                    in: Self.ports
                ),
            ]
        )
    }
}
