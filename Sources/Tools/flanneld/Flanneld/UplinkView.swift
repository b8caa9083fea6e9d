// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Netlink
internal import Overlay
internal import RouteNetlink

/// The uplink as it was found last.
struct UplinkView: Sendable {
    /// The choice of each family; one that can no longer be made keeps what it was.
    private(set) var choices = PerFamily<UplinkChoice>()
    /// Why there is no choice now.
    private(set) var errors = PerFamily<OverlayError>()
    /// The subnets that are reached without a gateway, by family.
    private var networks = PerFamily<[IPPrefix]>()

    /// Looks at the interfaces of a socket's namespace.
    mutating func update(
        _ selection: UplinkSelection,
        _ families: [AddressFamily],
        _ socket: borrowing RouteSocket
    ) throws(NetlinkError) {
        let candidates = try UplinkCandidate.all(socket, families)
        var lookUps: [IPAddress: LinkIndex] = [:]
        if let address = selection.reachable { lookUps[address] = try socket.route(to: address)?.interface }
        var found = UplinkView()
        for family in families {
            do throws(OverlayError) {
                let choice = try selection.choose(family, among: candidates) { lookUps[$0] }
                found.choices[family] = choice
                let addresses = candidates.first { $0.index == choice.index }?.addresses ?? []
                found.networks[family] = addresses.filter {
                    $0.prefix.family == family && !$0.prefix.address.isLinkLocal
                }.map(\.prefix.network)
            } catch {
                found.errors[family] = error
                found.choices[family] = choices[family]
                found.networks[family] = networks[family]
            }
        }
        self = found
    }

    /// How the other nodes reach this one.
    var publicAddresses: PerFamily<IPAddress> {
        PerFamily(v4: choices.v4?.publicAddress, v6: choices.v6?.publicAddress)
    }

    /// What the overlay is built on; nil without any choice.
    var uplinks: PerFamily<Uplink> {
        var uplinks = PerFamily<Uplink>()
        for family in choices.families {
            guard let choice = choices[family] else { continue }
            var addresses = PerFamily<IPPrefix>()
            addresses[family] = IPPrefix(host: choice.address)
            uplinks[family] = Uplink(
                index: choice.index,
                name: choice.name,
                mtu: choice.mtu,
                addresses: addresses,
                networks: networks[family] ?? []
            )
        }
        return uplinks
    }
}
