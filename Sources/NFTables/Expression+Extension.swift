// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import Netlink

extension Expression {
    /// The name of the iptables extension that is asked, as in `-m conntrack`; nil for all else.
    public var extensionMatch: String? {
        guard case .unknown("match", let octets) = self else { return nil }
        var name: String?
        // What cannot be read is no known extension.
        try? octets.span.bytes.forEachNested { (type: nft_match_attributes, value) throws(NetlinkError) in
            if type == NFTA_MATCH_NAME { name = value.string }
        }
        return name
    }
}
