// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import NFTables

extension ReferenceLeftovers {
    /// Removes what `ipMasq` made.
    public func removeMasquerading() throws(CNIError) {
        for family in [TableFamily.ip, .ip6] {
            try removeChains([chainName("CNI-")], of: Table(family, "nat"), enteredFrom: "POSTROUTING")
        }
        let instance = "\(identity.attachment.interfaceName):\(identity.attachment.containerID)"
        let mark = "\(Self.digest(identity.network).prefix(16))-\(Self.digest(instance).prefix(16)),"
        try removeRules(from: ["masq_checks"], of: Table(.inet, "cni_plugins_masquerade")) { rule in
            rule.comment.hasPrefix(mark)
        }
    }

    /// Removes what portmap made.
    ///
    /// Like the reference's own DEL it cannot tell the container's interfaces apart, and where nft wrote the rules not
    /// even its networks.
    public func removePortMaps() throws(CNIError) {
        for family in [TableFamily.ip, .ip6] {
            let table = Table(family, "nat")
            try removeChains([chainName("CNI-DN-")], of: table, enteredFrom: "CNI-HOSTPORT-DNAT")
            // Until version 0.7 there was one for the sources, too.
            try removeChains([chainName("CNI-SN-")], of: table, enteredFrom: "CNI-HOSTPORT-SNAT")
            let chains = ["hostports", "hostip_hostports", "masquerading"]
            try removeRules(from: chains, of: Table(family, "cni_hostport")) { rule in
                rule.comment == identity.attachment.containerID
            }
        }
    }

    /// Removes what `macspoofchk` made.
    public func removeSpoofGuard() throws(CNIError) {
        let chain = "cni-br-iface-\(identity.attachment.containerID)-\(identity.attachment.interfaceName)"
        try removeChains([chain, "\(chain)-mac"], of: Table(.bridge, "nat"), enteredFrom: "PREROUTING")
    }
}
