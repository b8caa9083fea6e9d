// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Netlink

extension Expression {
    /// The name of the iptables extension that is asked, as in `-m conntrack`; nil for all else.
    public var extensionMatch: String? {
        guard case .unknown("match", let octets) = self else { return nil }
        var name: String?
        // What cannot be read is no known extension.
        try? AttributeReader.forEach(in: octets.span.bytes) { (type, value) throws(NetlinkError) in
            if type == nameAttribute { name = value.string }
        }
        return name
    }
}

/// The corresponding C constant is `NFTA_MATCH_NAME`.
private let nameAttribute = 1
