// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// Twenty-four hours in fast motion: three daemons with short leases, and one fault after the other.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"),
    .requiresPrograms("etcd", "etcdctl", "strace"),
    .serialized
)
struct SoakTests {
    private static var stores: [OverlayStore] { BuiltProducts.runsLong ? [.directory, .etcd] : [.directory] }
    private static var faultCount: Int { BuiltProducts.runsLong ? 200 : 20 }
    /// How often the survivor has to renew its lease at least.
    private static var renewalCount: Int { BuiltProducts.runsLong ? 20 : 10 }
    /// A renewal each half second in a directory, and each four seconds in etcd.
    private static var timeToLive: Int { 12 }
    /// The node whose daemon nothing ends: it shows whether memory grows.
    private static var survivor: Int { 3 }

    @Test(arguments: stores)
    func `after many faults all is as it should be, and nothing has grown`(store: OverlayStore) throws {
        // The short form is the same each time: a run that says something about a change must not depend on chance.
        let usual = BuiltProducts.runsLong ? UInt64.random(in: 1...999_999) : 70
        let seed = BuiltProducts.environment("SWIFT_CNI_SEED").flatMap { UInt64($0) } ?? usual
        print("soak, \(store): SWIFT_CNI_SEED=\(seed)")
        var generator = SeededGenerator(seed: seed)
        let cluster = try OverlayCluster(
            3,
            network:
                #"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10:244::/48","Backend":{"Type":"vxlan"}}"#,
            store: store,
            flags: [
                "--ip-masq", "--lease-ttl", "\(Self.timeToLive)", "--healthz-ip", "127.0.0.1", "--healthz-port", "8081",
            ]
        )
        try cluster.start()
        let addresses = try cluster.attachContainers()
        try cluster.waitUntilMended("the start", addresses)
        let subnets = try cluster.nodes.map { try $0.subnets() }
        let survivor = cluster.nodes[Self.survivor - 1]

        var memory: [Int] = []
        var faults: [Fault] = []
        let renewals = { try survivor.metric("flanneld_lease_renewals_total") }
        // On a fast machine the faults are over before there is enough to say about renewals.
        for number in 1...Self.faultCount * 3 where try number <= Self.faultCount || renewals() < Self.renewalCount {
            if faults.isEmpty { faults = Fault.all(store).shuffled(using: &generator) }
            let fault = faults.removeLast()
            let candidates = cluster.nodes.filter { !fault.endsDaemon || $0.number != Self.survivor }
            let node = candidates[Int.random(in: candidates.indices, using: &generator)]
            let what = "fault \(number) with seed \(seed), \(fault.name), node \(node.number)"
            do {
                try fault.happen(cluster, node, &generator)
                try cluster.waitUntilMended(what, addresses)
                let conflicts = try cluster.conflicts()
                #expect(conflicts.isEmpty, "\(what): \(conflicts)")
            } catch { throw TestFailure("\(what): \(error)") }
            memory.append(try survivor.anonymousMemory())
            Fault.pause(0...100, &generator)
        }

        let (early, late) = (
            Self.median(memory.prefix(memory.count * 3 / 10).suffix(20)), Self.median(memory.suffix(10))
        )
        print(
            "soak, \(store): \(memory.count) faults, \(try renewals()) renewals, RssAnon \(early) kB early, \(late) kB late"
        )
        #expect(try renewals() >= Self.renewalCount)
        #expect(Double(late) <= 1.1 * Double(early), "\(memory)")
        for (node, before) in zip(cluster.nodes, subnets) { #expect(try node.subnets() == before) }
        try expectNothingToDo(cluster)
        for node in cluster.nodes { try node.start() }
        try cluster.waitUntilMended("all", addresses)
        try cluster.expectMesh(addresses)
    }

    /// Expects that daemons that start now find the kernel as they want it.
    private func expectNothingToDo(_ cluster: OverlayCluster) throws {
        for node in cluster.nodes { try node.stop() }
        for node in cluster.nodes { try node.startTraced() }
        usleep(4_000_000)
        for node in cluster.nodes {
            let writing = try node.stopTraced()
            #expect(writing.isEmpty, "node \(node.number): \(writing.joined(separator: "\n"))")
        }
    }

    private static func median(_ values: ArraySlice<Int>) -> Int {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}
