// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import RouteNetlink
import Testing

/// What somebody does to a node, and what says that it is mended.
struct Damage: Sendable, CustomTestStringConvertible {
    let name: String
    /// A shell script on the node; `$D`, `$F` and `$P` stand for the device, the family's flag, and a peer's subnet.
    let script: String
    /// A shell script that succeeds when all is well.
    let proof: String

    var testDescription: String { name }

    static var tunnel: [Damage] {
        let route = #"ip $F route show "$P" proto 70 | grep -q "dev $D""#
        let neighbor = #"ip neighbour show "${P%/*}" dev $D nud permanent | grep -q lladdr"#
        let entry = #"bridge fdb show dev $D | grep -q "$(ip neighbour show "${P%/*}" dev $D | cut -d' ' -f3) dst""#
        let all = "ip link show $D up | grep -q UP && \(route) && \(neighbor) && \(entry)"
        return [
            Damage(name: "a route is deleted", script: #"ip $F route del "$P""#, proof: route),
            Damage(name: "all routes are flushed", script: "ip $F route flush proto 70", proof: route),
            Damage(
                name: "a neighbour is deleted",
                script: #"ip neighbour del "${P%/*}" dev $D"#,
                proof: neighbor
            ),
            Damage(
                name: "a forwarding entry is deleted",
                script: #"bridge fdb del "$(ip neighbour show "${P%/*}" dev $D | cut -d' ' -f3)" dev $D"#,
                proof: "\(neighbor) && \(entry)"
            ),
            Damage(
                name: "the device's address is deleted",
                script: "ip $F address flush dev $D scope global",
                proof: "ip $F -br address show dev $D scope global | grep -q / && \(route)"
            ),
            Damage(name: "the device is deleted", script: "ip link del $D", proof: all),
            Damage(name: "the device is set down", script: "ip link set $D down", proof: all),
            Damage(
                name: "the device's MTU is changed",
                script: "ip link set $D mtu 1300",
                proof: "! ip link show $D | grep -q 'mtu 1300'"
            ),
            Damage(
                name: "the rules' table is deleted",
                script: "nft delete table inet flannel",
                proof: "nft list table inet flannel | grep -q masquerade"
            ),
            Damage(
                name: "the ruleset is flushed",
                script: "nft flush ruleset",
                proof: "nft list table inet flannel | grep -q masquerade"
            ),
            uplinkLoss(proof: all),
        ]
    }
}

extension Damage {
    /// The uplink goes away for a moment, and what the kernel forgets then is set up again, as a host's network manager does.
    private static func uplinkLoss(proof: String) -> Damage {
        Damage(
            name: "the uplink goes down and up",
            script: """
                ip link set eth0 down; ip link set eth0 up
                ip address replace 2001:db8:1::1/64 dev eth0 nodad
                ip route replace default via 192.0.1.254; ip -6 route replace default via 2001:db8:1::fe
                """,
            proof: proof
        )
    }

    /// Damages where nodes reach each other without a tunnel.
    static var direct: [Damage] {
        let route = #"ip $F route show "$P" proto 70 | grep -q "dev eth0""#
        return [
            Damage(name: "a route on the uplink is deleted", script: #"ip $F route del "$P""#, proof: route),
            Damage(name: "all routes on the uplink are flushed", script: "ip $F route flush proto 70", proof: route),
            uplinkLoss(proof: route),
        ]
    }
}

@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct RepairLatencyTests {
    /// How often each damage is done, in the two forms of the tests.
    static var rounds: Int { BuiltProducts.runsLong ? 100 : 12 }

    /// Prepares the variables of a damage's scripts.
    func variables(_ family: AddressFamily, _ device: String, _ peer: String) -> String {
        "D=\(device); F=\(family == .v4 ? "-4" : "-6"); P=\(peer)"
    }

    /// Does a damage again and again, and returns how many milliseconds each took to be mended.
    ///
    /// Measured on the node itself, from the end of the damage to the first proof, which takes some milliseconds of its own.
    func latencies(of damage: Damage, on node: OverlayNode, _ variables: String, rounds: Int) throws -> [Double] {
        let script = """
            \(variables)
            for round in $(seq \(rounds)); do
                { \(damage.script); } >/dev/null
                begun=$(date +%s%N)
                until { \(damage.proof); } 2>/dev/null; do
                    [ $(( $(date +%s%N) - begun )) -lt 5000000000 ] || { echo never; exit 0; }
                done
                echo $(( $(date +%s%N) - begun ))
                # What follows a repair, such as the daemon's second look, is over by then.
                sleep 0.05
            done
            """
        return try node.host.shell(script).split(separator: "\n").map { line in
            guard let nanoseconds = Double(line) else { throw TestFailure("\(damage.name): \(line): \(node.logged)") }
            return nanoseconds / 1e6
        }
    }

    @Test(arguments: Damage.tunnel, AddressFamily.allCases)
    func `what is damaged is mended at once, and containers reach each other again`(
        damage: Damage,
        family: AddressFamily
    ) throws {
        let device = family == .v4 ? "flannel.1" : "flannel-v6.1"
        try expectRepair(of: damage, family, backend: #"{"Type":"vxlan"}"#, device: device)
    }

    @Test(arguments: Damage.direct, AddressFamily.allCases)
    func `routes on the uplink are mended at once, too`(damage: Damage, family: AddressFamily) throws {
        try expectRepair(of: damage, family, backend: #"{"Type":"host-gw"}"#, device: "eth0")
    }

    private func expectRepair(
        of damage: Damage,
        _ family: AddressFamily,
        backend: String,
        device: String
    ) throws {
        let families = #""Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10:244::/48""#
        let cluster = try OverlayCluster(2, network: "{\(families),\"Backend\":\(backend)}", flags: ["--ip-masq"])
        try cluster.start()
        let addresses = try cluster.attachContainers()
        let node = cluster.nodes[0]
        let key = family == .v4 ? "FLANNEL_SUBNET" : "FLANNEL_IPV6_SUBNET"
        let peer = try #require(IPPrefix(try cluster.nodes[1].environment(key))).network
        let variables = variables(family, device, "\(peer)")
        let times = try latencies(of: damage, on: node, variables, rounds: Self.rounds).sorted()
        let median = Timing.median(times)
        let late = times[min(times.count - 1, times.count * 95 / 100)]
        print("\(damage.name), \(family): median \(Timing.text(median)), 95 % \(Timing.text(late))")
        #expect(median <= 100)
        #expect(late <= 500)
        try cluster.expectMesh(addresses)
    }
}
