// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// What happens to a node.
extension Fault {
    static var daemon: [Fault] {
        let restart = { (name: String, signal: Int32) in
            Fault(name, endsDaemon: true) { _, node, generator in
                try node.stop(signal)
                Fault.pause(0...500, &generator)
                try node.start()
            }
        }
        return [
            restart("flanneld is restarted", SIGTERM), restart("flanneld is killed", SIGKILL),
            Fault("flanneld stands still") { _, node, generator in
                try node.send(SIGSTOP)
                Fault.pause(200...2_000, &generator)
                try node.send(SIGCONT)
            },
            Fault("flanneld is told to read its configuration") { _, node, _ in try node.send(SIGHUP) },
        ]
    }

    static var links: [Fault] {
        [
            Fault("the device is deleted", "ip link del $D"), Fault("the device is set down", "ip link set $D down"),
            Fault("the device's MTU is changed", "ip link set $D mtu 1300"),
            Fault(
                "the device's MAC is changed",
                "ip link set $D address 02:00:00:00:$(printf '%02x:%02x' $((R / 256)) $((R % 256)))"
            ),
            Fault("the device's address is deleted", "ip $F address flush dev $D scope global"),
            Fault(
                "the uplink goes down and up",
                """
                v4=$(ip -4 -br address show dev eth0 scope global | awk '{ print $3 }')
                v6=$(ip -6 -br address show dev eth0 scope global | awk '{ print $3 }')
                ip link set eth0 down; sleep 0.$((R % 10)); ip link set eth0 up
                ip address replace $v6 dev eth0 nodad
                ip route replace default via 192.0.1.254; ip -6 route replace default via 2001:db8:1::fe
                """
            ),
            Fault(
                "the uplink gets another address",
                """
                old=$N; new=10$N
                ip -4 address show dev eth0 | grep -q "192.0.1.$old/" || { old=10$N; new=$N; }
                ip address del 192.0.1.$old/24 dev eth0; ip address add 192.0.1.$new/24 dev eth0
                ip route replace default via 192.0.1.254
                ip address del 2001:db8:1::$old/64 dev eth0; ip address add 2001:db8:1::$new/64 dev eth0 nodad
                ip -6 route replace default via 2001:db8:1::fe
                """
            ),
            Fault(
                "the uplink's MTU changes for a while",
                "ip link set eth0 mtu 1400; sleep 0.2; ip link set eth0 mtu 1500"
            ),
            Fault(
                "the default routes go for a while",
                """
                ip route flush default; ip -6 route flush default; sleep 0.$((R % 10))
                ip route replace default via 192.0.1.254; ip -6 route replace default via 2001:db8:1::fe
                """
            ),
        ]
    }

    static var routes: [Fault] {
        [
            Fault(
                "a route is deleted",
                "ip $F route del $(ip $F route show proto 70 | head -n $((R % 2 + 1)) | tail -n 1)"
            ),
            Fault("all routes are flushed", "ip $F route flush proto 70"),
            Fault(
                "a neighbour is deleted",
                "ip neighbour del $(ip $F neighbour show dev $D nud permanent | head -n 1 | cut -d' ' -f1) dev $D"
            ),
            Fault("all neighbours are flushed", "ip $F neighbour flush dev $D nud permanent"),
            Fault(
                "a forwarding entry is deleted",
                "bridge fdb del $(bridge fdb show dev $D | grep dst | head -n 1 | cut -d' ' -f1) dev $D"
            ),
        ]
    }

    static var rules: [Fault] {
        [
            Fault(
                "a rule is deleted",
                """
                nft -a list table inet flannel | awk -v number=$R '
                    $1 == "chain" { chain = $2; next }
                    $1 == "}" { chain = "" }
                    chain && !/ policy / && /# handle/ { rules[count++] = chain " handle " $NF }
                    END { print "delete rule inet flannel " rules[number % count] }
                ' | nft -f -
                """
            ),
            Fault("the rules' table is deleted", "nft delete table inet flannel"),
            Fault("the rules' table is emptied", "nft flush table inet flannel"),
            Fault("the ruleset is flushed", "nft flush ruleset"),
        ]
    }

    static var files: [Fault] {
        ["/run/flannel/subnet.env", "/run/flannel/status.json", "/run/cni/net.d/10-flannel.conflist"].map { path in
            Fault("\(path) is deleted") { _, node, _ in
                try node.host.run("rm", path)
                try node.wait("\(path) being back", atMost: .seconds(5)) {
                    try node.host.outcome("test", "-s", path).termination == .exited(0)
                }
            }
        }
    }
}
