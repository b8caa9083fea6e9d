// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import Netlink

extension Expression {
    /// The name of the iptables extension that is asked, as in `-m conntrack`; nil for all else.
    public var extensionMatch: String? {
        guard case .unknown("match", let octets) = self else { return nil }
        return Self.extensionName(octets, NFTA_MATCH_NAME)
    }

    /// The name of the iptables extension that decides, as in `-j REJECT`; nil for all else.
    public var extensionTarget: String? {
        guard case .unknown("target", let octets) = self else { return nil }
        return Self.extensionName(octets, NFTA_TARGET_NAME)
    }

    private static func extensionName<A: RawRepresentable<UInt32> & Equatable>(_ octets: [UInt8], _ attribute: A)
        -> String?
    {
        var name: String?
        // What cannot be read is no known extension.
        try? octets.span.bytes.forEachNested { (type: A, value) throws(NetlinkError) in
            if type == attribute { name = value.string }
        }
        return name
    }
}
