// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// flanneld, and what may happen to the Kubernetes API: containers notice nothing of it.
@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct KubernetesTroubleTests {
    /// A trouble of the API.
    enum Trouble: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case expired = "versions that are forgotten"
        case busy = "429 with Retry-After"
        case cut = "events cut in the middle"
        case replaced = "a server replaced by an older copy"
        case frozen = "a server that falls silent"
        case away = "a server that is restarted"
        case blackhole = "a way there on which all is lost"

        var testDescription: String { rawValue }

        /// Brings it about, and ends it.
        func happen(to cluster: OverlayCluster, while body: () -> Void) throws {
            let api = try cluster.api
            let isLong = BuiltProducts.runsLong
            switch self {
            case .expired:
                api.inject(.errorEvent(410, reason: "Expired"), .errorEvent(410, reason: "Expired"), into: .watch)
                api.inject(.status(410, reason: "Expired"), into: .list)
                api.closeConnections()
                api.compact()
                body()
                api.compact()
                api.tellWatchers(KubernetesServer.expiredLine)
            case .busy:
                for kind in [RequestKind.list, .watch, .get, .patchStatus] {
                    api.inject(
                        .status(429, reason: "TooManyRequests", retryAfter: 1),
                        .status(500, reason: "InternalError"),
                        .foreign(502),
                        into: kind
                    )
                }
                api.compact()
                api.closeConnections()
                body()
            case .cut:
                api.inject(.cut(afterBytes: 100), into: .list)
                for _ in 0..<3 {
                    api.cutNextEvent()
                    body()
                    usleep(300_000)
                }
            case .replaced:
                body()
                api.restore(at: 500)
                api.closeConnections()
            case .frozen:
                api.freeze()
                body()
                sleep(isLong ? 30 : 2)
                api.thaw()
            case .away:
                api.stop()
                body()
                usleep(1_500_000)
                try api.start()
            case .blackhole:
                try cluster.segments.shell(
                    """
                    nft add table inet hole
                    nft 'add chain inet hole input { type filter hook input priority 0; }'
                    nft add rule inet hole input tcp dport 6443 drop
                    """
                )
                body()
                sleep(isLong ? 30 : 2)
                try cluster.segments.run("nft", "delete", "table", "inet", "hole")
            }
        }
    }

    @Test(arguments: Trouble.allCases)
    func `trouble of the API costs no packet, and then all is as after a fresh start`(trouble: Trouble) throws {
        let (cluster, addresses) = try KubernetesOverlayTests.startedPair()
        let api = try cluster.api
        api.put(Self.peer(77), Self.peer(78))
        for node in cluster.nodes { try node.wait("all peers") { try node.routeCount(.v4) == 3 } }
        let pings = BuiltProducts.runsLong ? 3_500 : 500
        let text = try cluster.nodes[0].pinging(
            try #require(addresses[1].v4),
            from: "c1",
            count: pings,
            milliseconds: 10
        ) {
            try trouble.happen(to: cluster) {
                // One goes, one comes, one is another, and somebody says that a network is not there.
                api.delete("other77")
                api.put(Self.peer(79))
                api.patch("other78", with: OverlayCluster.annotation("public-ip", "192.0.1.178"))
                api.patch("node2", with: OverlayCluster.unavailable)
            }
        }
        #expect(text.contains("\(pings) packets transmitted, \(pings) received"), "\(text)")
        for node in cluster.nodes {
            // It is asked again after half a minute at the latest.
            try node.wait("what the API has now", atMost: .seconds(40)) {
                let routes = try node.host.run("ip", "route")
                let entries = try node.host.run("bridge", "fdb", "show", "dev", "flannel.1")
                return routes.contains("10.244.79.0/24") && !routes.contains("10.244.77.0/24")
                    && entries.contains("dst 192.0.1.178 ") && !entries.contains("dst 192.0.1.78 ")
            }
            try node.wait("no word of trouble", atMost: .seconds(40)) { node.isReady && node.lastError.isEmpty }
        }
        // Whatever the API does, packets flow, and no runtime is told otherwise.
        for node in cluster.nodes { #expect(!node.logged.contains("degraded"), "\(node.logged)") }
        try cluster.nodes[1].wait("the condition", atMost: .seconds(40)) { try cluster.isAvailable(2) }
        let before = try cluster.nodes.map(Self.programmed)
        for node in cluster.nodes {
            try node.stop()
            try node.loseBoot()
            try node.start()
        }
        for node in cluster.nodes { try node.wait("being ready") { node.isReady } }
        #expect(try cluster.nodes.map(Self.programmed) == before)
        try cluster.expectMesh(addresses)
        try cluster.expectGoodManners()
    }

    /// A node that flannel leads.
    private static func peer(_ number: Int) -> JSONValue {
        NodeDocument.make(
            "other\(number)",
            podCIDRs: ["10.244.\(number).0/24"],
            annotations: [
                "\(OverlayCluster.prefix)kube-subnet-manager": "true",
                "\(OverlayCluster.prefix)backend-type": "vxlan",
                "\(OverlayCluster.prefix)backend-data": "{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:00:\(number)\"}",
                "\(OverlayCluster.prefix)public-ip": "192.0.1.\(number)",
            ]
        )
    }

    /// What is in the kernel for other nodes.
    private static func programmed(_ node: OverlayNode) throws -> [String] {
        try node.host.shell(
            """
            ip route show proto 70; ip -6 route show proto 70; ip neighbour show dev flannel.1
            bridge fdb show dev flannel.1; bridge fdb show dev flannel-v6.1
            """
        ).split(separator: "\n").map { String($0) }.sorted()
    }

    @Test func `what the cluster does not allow is named, and waited for`() throws {
        let cluster = try OverlayCluster(1, network: KubernetesOverlayTests.network, store: .kubernetes)
        let (node, api) = (cluster.nodes[0], try cluster.api)
        for (kind, what) in [(RequestKind.get, "nodes/node1"), (.patchStatus, "nodes/node1/status")] {
            api.forbid([kind])
            try node.start()
            try node.wait("a word on \(what)") { node.lastError.contains("\(what) is forbidden") }
            #expect(node.lastError.contains("check the ClusterRole") && node.state == "starting")
            if kind == .get { try node.stop() }
        }
        api.forbid([])
        try node.wait("being ready", atMost: .seconds(10)) { node.isReady }
        try cluster.expectGoodManners()
    }

    @Test func `a pod's own account leads to the API and to the node, with each token that it is given`() throws {
        let certificates = try Certificates(serverAddress: OverlayCluster.serverAddress)
        var options = KubernetesServer.Options()
        options.certificate = (certificates.certificate("server"), certificates.key("server"))
        options.tokens = ["first"]
        let cluster = try OverlayCluster(
            2,
            network: KubernetesOverlayTests.network,
            store: .kubernetes,
            kubernetesOptions: options
        )
        let api = try cluster.api
        let account = "/run/secrets/kubernetes.io/serviceaccount"
        for node in cluster.nodes {
            try node.host.run("mkdir", "-p", account)
            try node.host.run("cp", certificates.certificate("authority"), "\(account)/ca.crt")
            try node.host.shell("echo first > \(account)/token")
            api.put(pod: "kube-flannel/flannel-\(node.number)", on: "node\(node.number)")
            node.environment = [
                "KUBERNETES_SERVICE_HOST=\(OverlayCluster.serverAddress)", "KUBERNETES_SERVICE_PORT=6443",
                "POD_NAME=flannel-\(node.number)", "POD_NAMESPACE=kube-flannel",
            ]
        }
        api.forbid([.createEvent])
        api.patch("node2", with: ["spec": ["podCIDR": .null, "podCIDRs": .null]])
        for node in cluster.nodes { try node.start() }
        let (first, second) = (cluster.nodes[0], cluster.nodes[1])
        try second.wait("a word on why it waits") { second.lastError.contains("node2 has no IPv4 podCIDR") }
        try second.wait("a word on events") { second.logged.contains("makes no events") }
        api.patch("node2", with: ["spec": ["podCIDRs": ["10.244.2.0/24", "fd00:10:244:2::/64"]]])
        try cluster.waitUntilMeshed()
        #expect(second.logged.split(separator: "\n").count { $0.contains("makes no events") } == 1)

        // The old token ends, and all has to be asked for anew; a moment later the new one is in the file.
        api.accept(tokens: ["second"])
        api.compact()
        api.closeConnections()
        api.put(Self.peer(77))
        try first.wait("a word on who is refused") {
            try first.status()["store"]?["problems"]?.strings().isEmpty == false
        }
        #expect(first.isReady)
        for node in cluster.nodes { try node.host.shell("echo second > \(account)/token") }
        for node in cluster.nodes { try node.wait("the new peer") { try node.routeCount(.v4) == 2 } }
        try cluster.expectGoodManners()
    }
}
