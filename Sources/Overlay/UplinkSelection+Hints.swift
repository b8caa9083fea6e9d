// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses

extension UplinkSelection {
    /// What is told to the other nodes, where somebody has said it.
    func publicAddress(_ family: AddressFamily) -> IPAddress? { hints.requested[family] ?? publicAddresses[family] }

    /// Who has said it, in words.
    func publicAddressSource(_ family: AddressFamily) -> String {
        switch (hints.requested[family], family) {
        case (_?, .v4): "the annotation node-public-ip"
        case (_?, .v6): "the annotation node-public-ipv6"
        case (nil, .v4): "--public-ip"
        case (nil, .v6): "--public-ipv6"
        }
    }

    /// The interface that has the address by which the store knows the node; nil when none has.
    ///
    /// The default route may lead to the Internet and not to the other nodes; what the cluster itself uses does not.
    func knownByStore(_ family: AddressFamily, _ candidates: [UplinkCandidate]) -> UplinkChoice? {
        guard let address = hints.known[family], !address.isBoundToLink,
            let candidate = candidates.first(where: { $0.has(address) })
        else { return nil }
        return UplinkChoice(candidate, address, publicAddress: address, "it has the node's InternalIP \(address)")
    }

    /// What to say of a choice that is not what the store knows the node by.
    func unusedHint(_ family: AddressFamily) -> String {
        guard let address = hints.known[family] else { return "" }
        return "; no interface has the node's InternalIP \(address)"
    }
}
