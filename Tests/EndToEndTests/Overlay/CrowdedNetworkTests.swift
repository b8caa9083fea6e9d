// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import Testing

/// What a large network costs a node, beside what its kernel's part costs alone.
@Suite(.requiresProducts("flanneld"), .requiresPrograms("etcd"), .serialized)
struct CrowdedNetworkTests {
    /// How many other nodes there are: 5,000 in the long form.
    static var peers: Int { BuiltProducts.runsLong ? 5_000 : 1_000 }

    /// How often a start, and how often one more node, is measured.
    static var rounds: (starts: Int, nodes: Int) { BuiltProducts.runsLong ? (5, 40) : (3, 20) }

    /// The budgets; the short form runs beside other tests on the same processors, and is there to fail on anything worse.
    static var limits: (ratio: Double, addition: Double) { BuiltProducts.runsLong ? (2.2, 10) : (3, 20) }

    @Test(arguments: [
        (CrowdedNetwork.Store.directory, [AddressFamily.v4]), (.etcd, [.v4]), (.directory, [.v4, .v6]),
        (.etcd, [.v4, .v6]),
    ])
    func `a start takes little more than the kernel's part, one more node is reached at once, and memory stays small`(
        store: CrowdedNetwork.Store,
        families: [AddressFamily]
    ) throws {
        let network = try CrowdedNetwork(store, families)
        try network.fill(1...Self.peers)
        var floors: [Double] = []
        var starts: [Double] = []
        let entries = Self.peers * families.count
        for round in 1...Self.rounds.starts {
            if round > 1 {
                try network.node.stop()
                try network.reboot()
            }
            floors.append(try network.floor(1...Self.peers))
            starts.append(
                try Timing.milliseconds {
                    try network.node.start()
                    try network.wait(for: Self.peers)
                }
            )
            #expect(
                try network.counts()
                    == CrowdedNetwork.Counts(routes: entries, neighbors: entries, forwardingEntries: entries)
            )
        }
        // What follows a start, such as what is kept for the next boot, is done by then.
        sleep(3)
        var additions: [Double] = []
        for number in 1...Self.rounds.nodes {
            additions.append(try network.latency(ofAdding: Self.peers + number))
            usleep(300_000)
        }
        // What they needed is given back a second after the last.
        sleep(2)
        let (floor, start) = (Timing.median(floors), Timing.median(starts))
        let addition = Timing.median(additions)
        let (resident, heap) = (try network.node.megabytes("VmRSS"), try network.node.megabytes("RssAnon"))
        print(
            "\(store), \(families), \(Self.peers) nodes: start \(Timing.text(start)) ms, the kernel's part"
                + " \(Timing.text(floor)) ms, ratio \(Timing.text(start / floor)); one more \(Timing.text(addition)) ms,"
                + " at most \(Timing.text(additions.max() ?? 0)) ms; resident \(Timing.text(resident)) MB, of it"
                + " \(Timing.text(heap)) MB its own, peak \(Timing.text(try network.node.megabytes("VmHWM"))) MB"
        )
        #expect(start / floor <= Self.limits.ratio)
        #expect(addition <= Self.limits.addition)
        // With both families there is twice as much to know.
        #expect(resident <= (families.count == 1 ? 30 : 40))
        #expect(network.node.isReady)
    }

    @Test func `with many nodes and nothing to do flanneld uses less than a thousandth of a processor`() throws {
        // A full check each minute is part of it.
        let (warmUp, period) = BuiltProducts.runsLong ? (15, 120) : (5, 61)
        for store in BuiltProducts.runsLong ? [CrowdedNetwork.Store.directory, .etcd] : [.directory] {
            let network = try CrowdedNetwork(store, [.v4])
            try network.fill(1...Self.peers)
            try network.node.start()
            try network.wait(for: Self.peers)
            // What follows a start is done by then.
            sleep(UInt32(warmUp))
            let before = try network.node.processorTime()
            sleep(UInt32(period))
            let used = try network.node.processorTime() - before
            print(
                "\(store), \(Self.peers) nodes: \(Timing.text(used)) ms of processor time in \(period) s of nothing to do"
            )
            #expect(used < Double(period))
            #expect(try network.node.megabytes("VmRSS") <= 30)
            // A start that changes nothing asks for little more.
            try network.node.stop()
            try network.node.start()
            try network.node.wait("being ready again") { network.node.isReady }
            sleep(3)
            print("\(store): \(Timing.text(try network.node.processorTime())) ms for a start that changes nothing")
        }
    }
}
