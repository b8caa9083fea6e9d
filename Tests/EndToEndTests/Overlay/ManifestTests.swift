// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// flanneld as the manifests run it: with what they give it, and nothing else.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "firewall", "loopback", "cnitool"),
    .serialized
)
struct ManifestTests {
    /// The network of both families that the guide shows.
    private static func dualNetwork() throws -> String {
        let guide = String(
            decoding: try File.contents(of: "\(BuiltProducts.packageRoot)/netconf/kubernetes/README.md"),
            as: UTF8.self
        )
        let blocks = guide.split(separator: "```")
        return String(try #require(blocks.first { $0.hasPrefix("json") && $0.contains("IPv6Network") }).dropFirst(4))
    }

    @Test(arguments: [false, true]) func `three nodes with nothing but what the manifest gives them`(
        _ isDual: Bool
    ) throws {
        let all = try ManifestCluster(3, network: isDual ? Self.dualNetwork() : nil)
        let (cluster, first) = (all.cluster, all.cluster.nodes[0])
        for number in 1...3 { try cluster.api.patch("node\(number)", with: OverlayCluster.unavailable) }
        try Self.putForeignList(cluster.nodes[2])
        for node in cluster.nodes {
            // As an archive of the reference's plugins leaves it: it belongs to another user.
            try node.host.shell(
                """
                mkdir -p /run/cni/bin; echo 'of somebody else' > /run/cni/bin/bridge; chmod 755 /run/cni/bin/bridge
                chown -R 1001:116 /run/cni/bin
                """
            )
            try all.start(node)
        }
        try cluster.waitUntilMeshed(isDual ? [.v4, .v6] : [.v4])
        let addresses = try cluster.attachContainers()
        #expect(addresses.allSatisfy { $0.all.count == (isDual ? 2 : 1) })
        try cluster.waitUntilConnected("the start", addresses)
        for node in cluster.nodes {
            try node.wait("the condition") { try cluster.isAvailable(node.number) }
            #expect(try all.ask("livenessProbe", on: node) == .exited(0))
            #expect(try all.ask("readinessProbe", on: node) == .exited(0))
            try expectRestrictions(node)
            try expectNothingAmiss(node, all)
        }
        // Nobody else may ask how a node is.
        let visit = "import socket; socket.create_connection(('192.0.1.1', 8081), 2)"
        let visitor = try cluster.nodes[1].host.outcome("/usr/bin/python3", "-c", visit)
        #expect(String(decoding: visitor.standardError, as: UTF8.self).contains("ConnectionRefusedError"))
        try expectList(of: all, on: first)

        // What flannel's own pod wrote before stays, until it is taken away.
        let third = cluster.nodes[2]
        #expect(third.logged.contains("10-flannel.conflist was not written by flanneld and stays"), "\(third.logged)")
        #expect(try third.host.run("cat", "/run/cni/net.d/10-flannel.conflist") == Self.foreignList)
        try third.host.run("rm", "/run/cni/net.d/10-flannel.conflist")
        try third.wait("a list of its own", atMost: .seconds(4)) {
            File.isRegular(third.host.path("/run/cni/net.d/10-flannel.conflist"))
        }
        try expectList(of: all, on: third)

        // A restart of the container changes nothing, and its end neither.
        let text = try cluster.nodes[1].pinging(
            try #require(addresses[0].v4),
            from: "c2",
            count: 200,
            milliseconds: 10
        ) {
            #expect(try first.stop() == .exited(0))
            try all.start(first)
            try first.wait("being ready again") { first.isReady }
        }
        #expect(text.contains("200 packets transmitted, 200 received"), "\(text)")
        try cluster.expectGoodManners()
    }

    /// What flannel's pod writes, but for spaces.
    private static var foreignList: String {
        #"{"name":"cbr0","cniVersion":"0.3.1","plugins":[{"type":"flannel","delegate":{"hairpinMode":true,"#
            + #""isDefaultGateway":true}},{"type":"portmap","capabilities":{"portMappings":true}}]}"# + "\n"
    }

    private static func putForeignList(_ node: OverlayNode) throws {
        try node.host.run("mkdir", "-p", "/run/cni/net.d")
        try File.replace(node.host.path("/run/cni/net.d/10-flannel.conflist"), with: Array(foreignList.utf8))
    }

    private func expectList(of all: ManifestCluster, on node: OverlayNode) throws {
        let list = try JSONValue(parsing: File.contents(of: node.host.path("/run/cni/net.d/10-flannel.conflist")))
        #expect(try list == JSONValue(parsing: Array(all.listOfManifest().utf8)))
    }

    private static var reading: String {
        "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"
    }

    /// Expects that the restrictions are those of the manifest: what is proved under none is not proved.
    private func expectRestrictions(_ node: OverlayNode) throws {
        let process = try node.host.shell("cat /run/flanneld.pid").split(separator: "\n").joined()
        let status = try node.host.run("cat", "/proc/\(process)/status").split(separator: "\n")
        for line in ["CapPrm", "CapEff", "CapBnd"].map({ "\($0):\t0000000000001000" }) + ["NoNewPrivs:\t1"] {
            #expect(status.contains { $0 == line }, "\(line) of \(status)")
        }
        for file in ["proc/sys/net/ipv4/ip_forward", "opt/new", "etc/new", "sys/new"] {
            let outcome = try node.host.outcome("sh", "-c", "echo 1 > /proc/\(process)/root/\(file)")
            #expect(String(decoding: outcome.standardError, as: UTF8.self).contains("Read-only"), "\(file)")
        }
    }

    /// Expects that what cannot be done under the restrictions is said once and not tried for ever, and all else is done.
    private func expectNothingAmiss(_ node: OverlayNode, _ all: ManifestCluster) throws {
        let command = try all.container("kube-flannel", on: node)
        let status = try Command.run(node.host.entering(command.starting(["/opt/bin/flanneld", "status", "--json"])))
        let warnings = try JSONNode(JSONValue(parsing: Array(status.utf8))).requiredMember("warnings").strings()
        #expect(warnings.contains { $0.contains("sysctl -w net/ipv6/conf/flannel.1/accept_ra=0") }, "\(warnings)")
        #expect(warnings.allSatisfy { $0.contains("sysctl") || $0.contains("br_netfilter") }, "\(warnings)")
        let metrics = try node.host.run("/usr/bin/python3", "-c", Self.reading, "http://127.0.0.1:8081/metrics")
        #expect(
            metrics.contains("flanneld_settings_out_of_reach 1") || metrics.contains("flanneld_settings_out_of_reach 2")
        )
        #expect(metrics.contains("flanneld_kernel_errors_total 0"))
        #expect(node.logged.ranges(of: "come in over flannel.1 count").count == 1, "\(node.logged)")
        #expect(!node.logged.contains("EROFS") && !node.logged.contains("EPERM"), "\(node.logged)")
    }

    @Test func `without a capability that the manifest gives it, a container cannot do its work`() throws {
        let all = try ManifestCluster(1)
        let node = all.cluster.nodes[0]
        try node.host.shell("mkdir -p /run/cni/bin; chown 1001:116 /run/cni/bin")
        let install = try all.container("install-cni", on: node, capabilities: [])
        let outcome = try Command.outcome(node.host.entering(install.starting()))
        #expect(outcome.termination == .exited(1))
        #expect(String(decoding: outcome.standardError, as: UTF8.self).contains("/opt/cni/bin"))

        try node.launch(all.container("kube-flannel", on: node, capabilities: ["DAC_OVERRIDE"]).starting())
        try node.wait("a word on what is not permitted") { node.logged.contains("EPERM") }
        #expect(node.state == "starting")
        #expect(try all.ask("livenessProbe", on: node) == .exited(0))
        #expect(try all.ask("readinessProbe", on: node) == .exited(1))
    }

    @Test func `the cleanup's manifest leaves a node as it was`() throws {
        let all = try ManifestCluster(2)
        let (cluster, node) = (all.cluster, all.cluster.nodes[0])
        for node in cluster.nodes {
            try node.host.shell(
                "mkdir -p /run/cni/bin; echo theirs > /run/cni/bin/bridge; echo '{}' > /run/cni/other; nft add table ip theirs"
            )
        }
        func state() throws -> String {
            try node.host.shell(
                """
                ip -o link | sed 's/ mtu.*//; s/@.*//'; ip route; ip -6 route | grep -v ^fe80; nft list ruleset
                find /run/cni /run/flannel /var/lib/flannel -type f 2>/dev/null | sort | xargs -r sha256sum
                """
            )
        }
        let before = try state()
        for node in cluster.nodes { try all.start(node) }
        try cluster.waitUntilMeshed([.v4])
        try node.wait("the condition") { try cluster.isAvailable(1) }
        #expect(try state() != before)
        #expect(try node.stop() == .exited(0))

        let cleanup = try Manifest(ofPackage: "swift-cni-cleanup.yaml")
        try all.start(node, of: cleanup)
        #expect(try state() == before)
        #expect(try cluster.annotation("kube-subnet-manager", of: 1) == nil)
        // The container that stays ends when it is told to.
        let process = try node.host.shell("cat /run/flanneld.pid").split(separator: "\n").joined()
        usleep(300_000)
        #expect(try node.host.outcome("kill", "-0", process).termination == .exited(0))
        #expect(try node.stop() == .exited(0))
        // Once more, as after a failure of the node: nothing is there to be removed.
        try all.start(node, of: cleanup)
        #expect(try state() == before)
        try node.stop()
        let peer = cluster.nodes[1]
        try peer.wait("no route to it") { try peer.routeCount(.v4) == 0 }
        try cluster.expectGoodManners()
    }
}
