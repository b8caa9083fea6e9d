// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite struct UplinkReading {
    @Test(arguments: ["flannel.1", "flannel-v6.1", "fl-v4.16777215", "fl-v6.16777215"])
    func `the overlay's own device is no candidate, whatever its name, and other tunnels are`(name: String) throws {
        let cluster = try Cluster([.vxlan])
        let node = cluster.nodes[0]
        try node.command("ip", "link", "add", name, "type", "vxlan", "id", "7", "dstport", "8472", "dev", "eth0")
        try node.command("ip", "link", "add", "tunnel", "type", "vxlan", "id", "8", "dstport", "8472", "dev", "eth0")
        try node.command("ip", "link", "add", "off", "type", "bridge")
        for name in [name, "tunnel"] { try node.command("ip", "link", "set", name, "up") }
        try node.command("ip", "route", "add", "default", "via", "192.0.2.99", "metric", "7")
        let candidates = try UplinkCandidate.all(try RouteSocket.open(in: node.namespace))
        #expect(Set(candidates.map(\.name)) == ["eth0", "c0", "tunnel"])
        let uplink = try #require(candidates.first { $0.name == "eth0" })
        #expect(uplink.index == node.uplink && uplink.mtu == 1500)
        #expect(uplink.defaultRouteMetric == PerFamily(v4: 7))
        #expect(uplink.addresses.contains { $0.prefix == IPPrefix("192.0.2.1/24") })
        // The uplink's other end, and with it the uplink, is the cluster's.
        withExtendedLifetime(cluster) {}
    }
}
