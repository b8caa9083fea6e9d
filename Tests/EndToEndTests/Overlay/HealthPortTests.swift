// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import LinuxTesting
import Testing

/// The port that anybody may connect to, and what it must not do to the daemon behind it.
@Suite(.requiresProducts("flanneld"), .requiresPrograms("prlimit"), .serialized)
struct HealthPortTests {
    private static let network = #"{"Network":"10.244.0.0/16"}"#

    private func ask(_ node: OverlayNode, _ address: String = "127.0.0.1") throws -> String {
        try node.host.shell(
            """
            timeout 5 bash -c 'exec 3<>/dev/tcp/\(address)/8081; printf "GET /healthz HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
            """
        )
    }

    /// How many descriptors flanneld has open.
    private func descriptors(_ node: OverlayNode) throws -> Int {
        try #require(Int(node.host.shell("ls /proc/$(cat /run/flanneld.pid)/fd | wc -l").split(separator: "\n")[0]))
    }

    /// Opens connections that say nothing, and returns when they are there.
    private func connect(_ node: OverlayNode, count: Int) throws {
        try node.host.shell(
            """
            rm -f /run/connected
            bash -c 'for _ in $(seq \(count)); do exec {fd}<>/dev/tcp/127.0.0.1/8081; done; : > /run/connected
                exec sleep 60' >/dev/null 2>&1 &
            until [ -e /run/connected ]; do sleep 0.01; done
            """
        )
    }

    @Test func `who only connects neither keeps the daemon from its files nor others from an answer`() throws {
        let cluster = try OverlayCluster(1, network: Self.network, flags: ["--healthz-port", "8081"])
        let node = cluster.nodes[0]
        try node.start(wrapper: ["/bin/sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"])
        try node.wait("an answer") { node.isReady && (try? ask(node))?.contains("200 OK") == true }
        let before = try descriptors(node)
        try connect(node, count: 80)
        #expect(try descriptors(node) <= before + 16)
        #expect(try ask(node).contains("200 OK"))
        try File.replace(
            "\(cluster.shared)/config.json",
            with: Array(#"{"Network":"10.244.0.0/15"}"#.utf8),
            mode: 0o644
        )
        try node.send(SIGHUP)
        try node.wait("the new network") { node.logged.contains("10.244.0.0/15") }
        #expect(!node.logged.contains("Too many open files"), "\(node.logged)")
        try node.wait("the end of what is silent", atMost: .seconds(15)) { try descriptors(node) <= before }
    }

    @Test func `the soft limit is raised to the hard one`() throws {
        let cluster = try OverlayCluster(1, network: Self.network)
        let node = cluster.nodes[0]
        try node.start(wrapper: ["/bin/sh", "-c", "ulimit -Sn 64; ulimit -Hn 512; exec \"$@\"", "sh"])
        try node.wait("being ready") { node.isReady }
        let limits = try node.host.shell("grep 'open files' /proc/$(cat /run/flanneld.pid)/limits")
        #expect(limits.split(separator: " ")[3...4] == ["512", "512"], "\(limits)")
    }

    @Test func `half a request does not hold a connection`() throws {
        let cluster = try OverlayCluster(1, network: Self.network, flags: ["--healthz-port", "8081"])
        let node = cluster.nodes[0]
        try node.start()
        try node.wait("an answer") { (try? ask(node))?.contains("200 OK") == true }
        // The other end closes, or timeout(1) ends it with a status that fails the test.
        try node.host.shell(
            """
            timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8081; printf "GET /healthz HTTP/1.1\\r\\n" >&3
                (while printf "A: b\\r\\n" >&3; do sleep 1; done) 2>/dev/null & cat <&3; kill $!'
            """
        )
    }

    @Test func `without descriptors nothing is accepted and nothing spins`() throws {
        let cluster = try OverlayCluster(1, network: Self.network, flags: ["--healthz-port", "8081"])
        let node = cluster.nodes[0]
        try node.start()
        try node.wait("an answer") { node.isReady && (try? ask(node))?.contains("200 OK") == true }
        try node.host.shell("prlimit --pid $(cat /run/flanneld.pid) --nofile=\(try descriptors(node)):4096")
        try connect(node, count: 10)
        let before = try node.processorTime()
        usleep(3_000_000)
        #expect(try node.processorTime() - before < 600)
        try node.host.shell("prlimit --pid $(cat /run/flanneld.pid) --nofile=1024:4096")
        try node.wait("an answer") { (try? ask(node))?.contains("200 OK") == true }
    }

    @Test func `a port that cannot be had yet is waited for, and the overlay does not wait for it`() throws {
        let flags = ["--healthz-ip", "192.0.2.77", "--healthz-port", "8081"]
        let cluster = try OverlayCluster(1, network: Self.network, flags: flags)
        let node = cluster.nodes[0]
        try node.start()
        try node.wait("a complaint") {
            node.isReady && node.logged.contains("port 8081 of 192.0.2.77 cannot be opened")
        }
        let status = try node.host.run("\(BuiltProducts.directory)/flanneld", "status")
        #expect(status.contains("port 8081 of 192.0.2.77 cannot be opened"), "\(status)")
        // Somebody else has the port once the address is there.
        try node.host.shell(
            """
            ip address add 192.0.2.77/32 dev lo
            timeout 5 python3 -c 'import socket, time
            s = socket.create_server(("192.0.2.77", 8081)); time.sleep(4)' >/dev/null 2>&1 &
            """
        )
        try node.wait("an answer") { (try? ask(node, "192.0.2.77"))?.contains("200 OK") == true }
        #expect(
            node.logged.split(separator: "\n").filter { $0.contains("warning port 8081") }.count <= 2,
            "\(node.logged)"
        )
        #expect(try !node.host.run("\(BuiltProducts.directory)/flanneld", "status").contains("cannot be opened"))
    }
}
