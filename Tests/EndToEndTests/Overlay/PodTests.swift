// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import KubernetesTesting
import LinuxSystem
import LinuxTesting
import Testing

/// Nodes of a Kubernetes cluster with Debian's containerd and runc, asked for pods as a kubelet asks.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "loopback", "portmap", "cnitool"),
    .requiresContainerd,
    .serialized
)
struct PodTests {
    /// What must be on each node as it was, when all pods are gone and the overlay is.
    private static let directories = [
        Containerd.lists, "/run/flannel", "/run/netns", "/var/lib/cni", "/var/lib/flannel",
    ]

    private static var cnitool: String { "\(BuiltProducts.directory)/cnitool" }

    @Test(arguments: [[AddressFamily.v4], AddressFamily.allCases])
    func `pods on three nodes reach each other and are reached by ports of the nodes, and all of it goes again`(
        families: [AddressFamily]
    ) throws {
        let network = families == [.v4] ? #"{"Network":"10.244.0.0/16"}"# : KubernetesOverlayTests.network
        let cluster = try OverlayCluster(3, network: network, store: .kubernetes, flags: ["--ip-masq"])
        let runtimes = try cluster.nodes.map { try Containerd(on: $0.host) }
        let before = try cluster.nodes.map { try $0.host.snapshot(Self.directories) }

        // The first boot, of a node that is given its subnet late: the runtime has no network to offer until then.
        let api = try cluster.api
        api.patch("node1", with: ["spec": ["podCIDR": .null, "podCIDRs": .null]])
        for node in cluster.nodes { try node.start() }
        #expect(try runtimes[0].obstacles().keys.sorted() == ["NetworkReady"])
        var early = try runtimes[0].beginPersistentRun("early")
        try cluster.nodes[0].wait("a word on why it waits") { cluster.nodes[0].lastError.contains("no IPv4 podCIDR") }
        usleep(500_000)
        let subnets = ["10.244.1.0/24", "fd00:10:244:1::/64"]
        api.patch("node1", with: ["spec": ["podCIDR": .string(subnets[0]), "podCIDRs": .strings(subnets)]])
        let first = try early.pod(within: .seconds(1), of: cluster.nodes[0])
        #expect(first.complaints.contains { $0.contains("cni plugin not initialized") }, "\(first.complaints)")
        try cluster.waitUntilMeshed(families)

        for (number, runtime) in runtimes.enumerated() { try runtime.configure(subnet: "10.244.\(number + 1).0/24") }
        let names = ["a=8001", "b=8002", "c=8003", "d=8004", "e"]
        var pods = [
            [first.pod] + (try runtimes[0].run(names)), try runtimes[1].run(["f=8001"]),
            try runtimes[2].run(["g=8001"]),
        ]
        let addresses = pods.joined().flatMap(\.addresses)
        #expect(Set(addresses).count == 8 * families.count, "\(pods)")
        func expectMesh(_ what: String) throws {
            for (runtime, pods) in zip(runtimes, pods) {
                for pod in pods {
                    #expect(try runtime.unreachable(["127.0.0.1"] + addresses, from: pod) == "", "\(what): \(pod)")
                }
            }
        }
        try expectMesh("at first")
        // Every port of a node leads to its pod, from each node.
        for node in cluster.nodes {
            for (number, name, port) in [(1, "a", 8001), (1, "d", 8004), (2, "f", 8001), (3, "g", 8001)] {
                for address in ["192.0.1.\(number)", "[2001:db8:1::\(number)]"].prefix(families.count) {
                    #expect(
                        try node.request("http://\(address):\(port)/etc/hostname") == "\(name)\n",
                        "\(address) port \(port) from node \(node.number)"
                    )
                }
            }
        }

        // Pods outlive containerd, and the next one knows them.
        try runtimes[1].kill()
        try runtimes[1].start()
        #expect(try runtimes[1].isReady(pods[1][0]))
        pods[1] += try runtimes[1].run(["h"])
        try checkAttachments(on: cluster.nodes[1], of: pods[1], runtimes[1])
        try collectGarbage(on: cluster.nodes[1], around: pods[1])
        try expectMesh("after another start of containerd and a collection of garbage")
        // A pod that has lost its namespace: DEL is called with none.
        try runtimes[2].loseNamespaces()

        for (runtime, pods) in zip(runtimes, pods) {
            // Whatever kubelets do not know for sure they do again.
            for _ in 1...2 { try runtime.stop(pods) }
            for _ in 1...2 { try runtime.remove(pods) }
        }
        for node in cluster.nodes {
            try node.stop()
            try node.cleanUp()
        }
        for (node, before) in zip(cluster.nodes, before) {
            try node.host.expectNothingLeft(since: before, Self.directories, "node \(node.number)")
        }
        try cluster.expectGoodManners()
    }

    /// Has the attachments that containerd's cache holds checked, as other runtimes do when they start.
    private func checkAttachments(on node: OverlayNode, of pods: [Containerd.Pod], _ runtime: Containerd) throws {
        let listing = JSONNode(try JSONValue(parsing: try node.host.run(Self.cnitool, "list", "cbr0").utf8))
        let held = try listing.elements().map { try $0.requiredMember("containerID").string() }
        #expect(Set(held) == Set(pods.map(\.id)))
        func check(_ pod: Containerd.Pod) throws -> ChildProcess.Outcome {
            try node.cnitool("check", try runtime.namespace(of: pod), ["--container-id", pod.id])
        }
        for pod in pods {
            let outcome = try check(pod)
            #expect(outcome.termination == .exited(0), "\(String(decoding: outcome.standardError, as: UTF8.self))")
        }
        // It does look.
        let words = "ip -n \(try runtime.namespace(of: pods[0])) route"
        let route = try node.host.shell("\(words) show default; \(words) delete default").split(separator: "\n")[0]
        let outcome = try check(pods[0])
        let answer = String(decoding: outcome.standardError, as: UTF8.self)
        #expect(outcome.termination == .exited(1) && answer.contains("(code 103)"), "\(answer)")
        try node.host.shell("\(words) add \(route)")
    }

    /// Has all attachments removed but those of some pods, as other runtimes do when they start.
    private func collectGarbage(on node: OverlayNode, around pods: [Containerd.Pod]) throws {
        let reservations = try node.host.snapshot(["/var/lib/cni"])
        // Not with `ip netns add`: it would mount the directory over those of containerd's namespaces that are there.
        try node.host.shell("touch /run/netns/forgotten; unshare --net=/run/netns/forgotten true")
        #expect(try node.cnitool("add", "forgotten").termination == .exited(0))
        // Its namespace is gone without a DEL.
        try node.host.shell("umount /run/netns/forgotten; rm /run/netns/forgotten")
        #expect(try node.host.snapshot(["/var/lib/cni"]) != reservations)
        let outcome = try node.cnitool("gc", "none", pods.flatMap { ["--keep", "\($0.id)/eth0"] })
        #expect(outcome.termination == .exited(0), "\(String(decoding: outcome.standardError, as: UTF8.self))")
        try node.host.expectNothingLeft(since: reservations, ["/var/lib/cni"], "after the collection of garbage")
        #expect(try node.cnitool("status", "none").termination == .exited(0))
    }

    @Test func `after a reboot with an old list no pod is made until flanneld is ready, and lost pods can be removed`()
        throws
    {
        let network = KubernetesOverlayTests.network
        let cluster = try OverlayCluster(2, network: network, store: .kubernetes, flags: ["--ip-masq"])
        let (node, runtimes) = (cluster.nodes[0], try cluster.nodes.map { try Containerd(on: $0.host) })
        try cluster.start()
        let before = try node.host.snapshot(["/run/netns", "/var/lib/cni"])
        let (lost, peer) = (try runtimes[0].run(["lost=8001"])[0], try runtimes[1].run(["peer"])[0])
        #expect(try runtimes[0].unreachable(peer.addresses, from: lost) == "")

        try runtimes[0].reboot()
        try runtimes[0].start()
        #expect(try runtimes[0].obstacles() == [:], "an old list is all that containerd looks for")
        let reason = "/run/flannel/subnet.env: no such file; flanneld writes it once it is ready"
        let status = try node.cnitool("status", "none")
        #expect(status.termination == .exited(1))
        let answer = String(decoding: status.standardError, as: UTF8.self)
        #expect(answer.contains("(code 50)") && answer.contains(reason), "\(answer)")
        #expect(try !runtimes[0].isReady(lost))
        var again = try runtimes[0].beginPersistentRun("again")
        // Its namespace is gone: DEL is called without one, and flanneld has written nothing since the boot.
        for _ in 1...2 { try runtimes[0].stop([lost]) }
        try runtimes[0].remove([lost])
        usleep(500_000)

        try node.start()
        let (pod, complaints) = try again.pod(within: .seconds(1), of: node)
        #expect(complaints.contains { $0.contains(reason) }, "\(complaints)")
        try cluster.waitUntilMeshed()
        #expect(try runtimes[0].unreachable(peer.addresses, from: pod) == "")
        #expect(try runtimes[1].unreachable(pod.addresses, from: peer) == "")
        try runtimes[0].remove([pod])
        try node.host.run("ip", "link", "delete", "cni0")
        try node.host.expectNothingLeft(since: before, ["/run/netns", "/var/lib/cni"], "after both pods")
        try cluster.expectGoodManners()
    }
}
