// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import Testing

@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct TakeoverTests {
    /// What flannel leaves on a node: its device, routes to a node that is there and to one that is not, rules, and files.
    private func leaveFlannel(on host: IsolatedHost, peer: String) throws {
        try host.shell(
            """
            ip link add flannel.1 address 02:11:22:33:44:55 type vxlan id 1 local 192.0.1.1 dev eth0 dstport 8472 nolearning
            ip link set flannel.1 mtu 1450 up
            ip address add 10.244.9.0/32 dev flannel.1
            for subnet in \(peer) 10.244.66.0; do ip route add $subnet/24 via $subnet dev flannel.1 onlink; done
            iptables-nft -t nat -N FLANNEL-POSTRTG
            iptables-nft -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 -m comment --comment 'flanneld masq' -j MASQUERADE
            iptables-nft -t nat -A POSTROUTING -m comment --comment 'flanneld masq' -j FLANNEL-POSTRTG
            mkdir -p /run/flannel /run/cni/net.d
            printf 'FLANNEL_%s\\n' NETWORK=10.244.0.0/16 SUBNET=10.244.9.1/24 MTU=1450 IPMASQ=true >/run/flannel/subnet.env
            echo '{"name":"cbr0","cniVersion":"1.0.0","plugins":[{"type":"flannel","delegate":{"isDefaultGateway":true}}]}' \
                >/run/cni/net.d/10-flannel.conflist
            """
        )
    }

    @Test func `a node that flannel ran on keeps device, subnet and list, and loses flannel's rules`() throws {
        let cluster = try OverlayCluster(2, network: #"{"Network":"10.244.0.0/16"}"#, flags: ["--ip-masq"])
        let node = cluster.nodes[0], other = cluster.nodes[1]
        try other.start()
        try other.wait("being ready") { other.isReady }
        let peer = try other.environment("FLANNEL_SUBNET").split(separator: "/")[0].dropLast() + "0"
        try leaveFlannel(on: node.host, peer: String(peer))
        let device = try node.host.run("cat", "/proc/net/dev_snmp6/flannel.1")
        let list = try node.host.run("cat", "/run/cni/net.d/10-flannel.conflist")
        try node.start()
        try node.wait("its routes") { try node.routeCount(.v4) == 1 }
        try node.wait("its rules") { try !node.host.run("iptables-nft", "-t", "nat", "-S").contains("FLANNEL") }
        try cluster.waitUntilMeshed([.v4])

        #expect(try node.environment("FLANNEL_SUBNET") == "10.244.9.1/24")
        // Its first line is the device's number.
        let after = try node.host.run("cat", "/proc/net/dev_snmp6/flannel.1")
        #expect(after.split(separator: "\n").first == device.split(separator: "\n").first)
        #expect(try node.host.run("ip", "link", "show", "flannel.1").contains("02:11:22:33:44:55"))
        #expect(try !node.host.run("ip", "route").contains("10.244.66.0"))
        #expect(try node.host.run("cat", "/run/cni/net.d/10-flannel.conflist") == list)
        try cluster.expectMesh(try cluster.attachContainers())
    }
}
