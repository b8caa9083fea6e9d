// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import KubernetesTesting
import LinuxTesting
import Testing

/// A node that flannel v0.28 runs on, made by hand: device, routes, neighbours, rules, files and annotations.
struct FlannelNode {
    let number: Int
    let subnets: [AddressFamily: IPPrefix]
    /// What the annotations say of the devices, byte for byte.
    private let backendData: [AddressFamily: String]

    /// - Parameter number: Of the machine, which its addresses on the first segment follow from.
    init(_ number: Int, subnets: [AddressFamily: IPPrefix]) {
        self.number = number
        self.subnets = subnets
        backendData = [
            .v4: "{\"VNI\":1,\"VtepMAC\":\"02:11:22:33:44:0\(number)\"}",
            .v6: "{\"VNI\":1,\"VtepMAC\":\"02:11:22:33:66:0\(number)\"}",
        ]
    }

    /// A node of ours, as flannel's read it.
    init(_ number: Int, subnets: [AddressFamily: IPPrefix], annotationsOf cluster: OverlayCluster) throws {
        self.number = number
        self.subnets = subnets
        backendData = [
            .v4: try #require(try cluster.annotation("backend-data", of: number)),
            .v6: try #require(try cluster.annotation("backend-v6-data", of: number)),
        ]
    }

    /// All that flannel writes of a node.
    var annotations: JSONValue {
        let texts = [
            ("backend-data", backendData[.v4] ?? ""), ("backend-type", "vxlan"),
            ("backend-v6-data", backendData[.v6] ?? ""), ("kube-subnet-manager", "true"),
            ("public-ip", Self.uplink(.v4, number)), ("public-ipv6", Self.uplink(.v6, number)),
        ]
        return .object(JSONObject(texts.map { (OverlayCluster.prefix + $0.0, .string($0.1)) }))
    }

    /// Does what flannel does when it starts, on a node that it has not been on and on one that it has.
    func make(on host: IsolatedHost, reaching peers: [FlannelNode]) throws {
        var script = "mkdir -p /run/flannel /run/cni/net.d"
        var variables: [String] = []
        for family in AddressFamily.allCases {
            guard let subnet = subnets[family] else { continue }
            let (device, ip, iptables) = (Self.device(family), Self.ip(family), Self.iptables(family))
            let length = family == .v4 ? 32 : 128
            let network = family == .v4 ? "10.244.0.0/16" : "fd00:10:244::/48"
            script += """

                ip link show \(device) >/dev/null 2>&1 ||
                    ip link add \(device) mtu \(Self.mtu) address \(try mac(family)) type vxlan id 1 local \(Self.uplink(family, number)) \
                        dev eth0 dstport 8472 nolearning
                ip link set \(device) up
                \(ip) address replace \(subnet.address)/\(length) dev \(device)
                if ! \(iptables) -t nat -S FLANNEL-POSTRTG >/dev/null 2>&1; then
                    \(iptables) -t nat -N FLANNEL-POSTRTG
                    \(iptables) -t nat -A FLANNEL-POSTRTG -s \(network) -d \(network) \
                        -m comment --comment 'flanneld masq' -j RETURN
                    \(iptables) -t nat -A FLANNEL-POSTRTG -s \(network) -m comment --comment 'flanneld masq' -j MASQUERADE
                    \(iptables) -t nat -A POSTROUTING -m comment --comment 'flanneld masq' -j FLANNEL-POSTRTG
                fi
                """
            for peer in peers {
                guard let other = peer.subnets[family] else { continue }
                let mac = try peer.mac(family)
                script += """

                    \(ip) neighbour replace \(other.address) lladdr \(mac) dev \(device) nud permanent
                    bridge fdb replace \(mac) dev \(device) dst \(Self.uplink(family, peer.number)) self permanent
                    \(ip) route replace \(other) via \(other.address) dev \(device) onlink
                    """
            }
            let key = family == .v4 ? "" : "IPV6_"
            let first = subnet.address.description + (family == .v4 ? "" : "1")
            variables += [
                "\(key)NETWORK=\(network)",
                "\(key)SUBNET=\(family == .v4 ? String(first.dropLast()) + "1" : first)/\(subnet.length)",
            ]
        }
        script += """

            printf 'FLANNEL_%s\\n' \((variables + ["MTU=\(Self.mtu)", "IPMASQ=true"]).joined(separator: " ")) >/run/flannel/subnet.env
            echo '\(Self.list)' >/run/cni/net.d/10-flannel.conflist
            """
        try host.shell(script)
    }

    /// What must stay as it is when another daemon takes over: devices with number and MAC address, subnets, and list.
    func evidence(on host: IsolatedHost) throws -> [String] {
        var lines: [String] = []
        for family in AddressFamily.allCases where subnets[family] != nil {
            let link = try host.run("ip", "-o", "link", "show", Self.device(family))
            lines.append(link.split(separator: " ").prefix(2).joined(separator: " "))
            lines.append(link.contains(try mac(family)) ? try mac(family) : "another MAC address")
        }
        lines.append(try host.shell("grep SUBNET /run/flannel/subnet.env"))
        lines.append(try host.run("cat", "/run/cni/net.d/10-flannel.conflist"))
        return lines
    }

    /// Whether any of flannel's rules is there.
    static func hasRules(on host: IsolatedHost) throws -> Bool {
        try AddressFamily.allCases.contains { try host.run(iptables($0), "-t", "nat", "-S").contains("FLANNEL") }
    }

    private static var list: String {
        #"{"name":"cbr0","cniVersion":"1.0.0","plugins":[{"type":"flannel","delegate":{"isDefaultGateway":true}}]}"#
    }

    private func mac(_ family: AddressFamily) throws -> String {
        let data = JSONNode(try JSONValue(parsing: (backendData[family] ?? "").utf8))
        return try data.requiredMember("VtepMAC").string()
    }

    private static func uplink(_ family: AddressFamily, _ number: Int) -> String {
        family == .v4 ? "192.0.1.\(number)" : "2001:db8:1::\(number)"
    }

    private static func device(_ family: AddressFamily) -> String { family == .v4 ? "flannel.1" : "flannel-v6.1" }

    private static func ip(_ family: AddressFamily) -> String { family == .v4 ? "ip" : "ip -6" }

    private static func iptables(_ family: AddressFamily) -> String {
        family == .v4 ? "iptables-nft" : "ip6tables-nft"
    }

    /// The uplink's and 50 less, for either family; the kernel takes another 20 for IPv6.
    private static var mtu: Int { 1450 }
}
