// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite struct Updates {
    let cluster: Cluster
    let engine: Engine

    init() throws {
        cluster = try Cluster([.vxlan])
        engine = try Engine(cluster.nodes[0])
    }

    /// Removes what an update must not notice, for it does not look.
    func hide() throws { try engine.node.command("ip", "route", "del", "10.244.2.0/24") }

    func forwardingEntries() throws -> [Substring] {
        try engine.node.command("bridge", "fdb", "show", "dev", "flannel.1").split(separator: "\n")
    }

    /// What becomes of the lease of node 3, and what is written for it in each family.
    static let changes: [(name: String, requests: [Change.Kind: Int], change: @Sendable () throws -> [Lease])] = [
        ("nothing", [:], { [try Fleet.lease(3)] }),
        (
            "another peer", [.forwardingEntrySet: 1, .neighborSet: 1, .routeSet: 1],
            { [try Fleet.lease(3), try Fleet.lease(4)] }
        ),
        ("a peer less", [.routeRemoved: 1, .neighborRemoved: 1, .forwardingEntryRemoved: 1], { [] }),
        (
            "another Ethernet address", [.forwardingEntrySet: 1, .neighborSet: 1, .forwardingEntryRemoved: 1],
            { [try Fleet.lease(3, mac: try Fleet.mac("02:00:00:00:00:33"))] }
        ),
        (
            "another public address", [.forwardingEntrySet: 1],
            {
                var lease = try Fleet.lease(3)
                for family in AddressFamily.allCases {
                    lease.attributes.publicAddresses[family] = try Fleet.node(33, family)
                }
                return [lease]
            }
        ),
    ]

    @Test(arguments: changes.indices)
    func `an update writes what changed, and reads nothing`(index: Int) throws {
        let change = Self.changes[index]
        let before = try engine.desired([try Fleet.lease(2), try Fleet.lease(3)])
        #expect(try engine.run(before).isComplete)
        try hide()
        let after = try engine.desired([try Fleet.lease(2)] + change.change())
        let report = try engine.update(after)
        #expect(report.isComplete && !engine.isDoubtful)
        #expect(report.repairs == change.requests.mapValues { $0 * 2 }, "\(change.name)")
        #expect(report.requestCount == 2 * change.requests.values.reduce(0, +))
        #expect(report.devices.families == [.v4, .v6])
        // What was hidden is all that is missing.
        #expect(try engine.rest(after).repairs == [.routeSet: 1])
    }

    @Test func `a doubt makes an update read the kernel`() throws {
        let desired = try engine.desired([try Fleet.lease(2), try Fleet.lease(3)])
        #expect(engine.isDoubtful)
        #expect(try engine.update(desired).repairs[.deviceAdded] == 2)
        try hide()
        #expect(try engine.update(desired).isUnchanged)
        engine.markDoubtful()
        #expect(engine.isDoubtful)
        #expect(try engine.update(desired).repairs == [.routeSet: 1])
        #expect(!engine.isDoubtful)
    }

    @Test func `a change of more than peers makes an update read the kernel`() throws {
        let peers = [try Fleet.lease(2), try Fleet.lease(3)]
        #expect(try engine.run(try engine.desired(peers)).isComplete)
        var options = NetworkConfiguration.VXLANOptions()
        options.underlayMTU = 1400
        try hide()
        #expect(
            try engine.update(try engine.desired(peers, .vxlan(options))).repairs == [.deviceChanged: 2, .routeSet: 1]
        )
        try hide()
        let hostGateway = try engine.desired(
            [try Fleet.lease(2, .hostGateway), try Fleet.lease(3, .hostGateway)],
            .hostGateway
        )
        #expect(try engine.update(hostGateway).isComplete)
        #expect(try engine.rest(hostGateway).isUnchanged)
    }

    @Test func `another address of this node changes the devices and nothing on them`() throws {
        let peers = [try Fleet.lease(2), try Fleet.lease(3)]
        try engine.run(try engine.desired(peers))
        for address in ["192.0.2.101/24", "2001:db8::101/64"] {
            try engine.node.command("ip", "address", "add", address, "dev", "eth0")
        }
        let before = try engine.node.state()
        let recorder = try EventRecorder(engine.node)
        let desired = DesiredState(
            own: engine.node.lease,
            peers: peers,
            uplink: Uplink(
                index: engine.node.uplink,
                name: "eth0",
                mtu: 1500,
                addresses: PerFamily(v4: try Fleet.prefix("192.0.2.101/24"), v6: try Fleet.prefix("2001:db8::101/64"))
            ),
            configuration: try Fleet.configuration(.vxlan(.init()))
        )
        #expect(try engine.update(desired).repairs == [.deviceChanged: 2])
        #expect(try engine.node.state() == before)
        let removals = try recorder.events().filter { event in
            switch event {
            case .linkRemoved, .routeRemoved, .neighborRemoved, .forwardingEntryRemoved: true
            default: false
            }
        }
        #expect(removals.isEmpty)
        for (device, address) in [("flannel.1", "192.0.2.101"), ("flannel-v6.1", "2001:db8::101")] {
            #expect(try engine.node.command("ip", "-d", "link", "show", device).contains(" local \(address) dev eth0 "))
        }
        #expect(try engine.rest(desired).isUnchanged)
    }

    @Test func `a refusal, and something that was gone already, leave doubt`() throws {
        let peers = [try Fleet.lease(2), try Fleet.lease(3)]
        #expect(try engine.run(try engine.desired(peers)).isComplete)
        // Somebody was faster than the events.
        try engine.node.command("ip", "route", "add", "10.244.4.0/24", "via", "192.0.2.77", "proto", "static")
        let report = try engine.update(try engine.desired(peers + [try Fleet.lease(4)]))
        #expect(report.failures.map(\.change.kind) == [.routeSet] && !report.isComplete)
        #expect(engine.isDoubtful)
        #expect(try engine.update(try engine.desired(peers + [try Fleet.lease(4)])).conflictingRoutes.count == 1)
        #expect(engine.isDoubtful)
        try engine.node.command("ip", "route", "del", "10.244.4.0/24")
        #expect(try engine.update(try engine.desired(peers + [try Fleet.lease(4)])).isComplete)
        #expect(!engine.isDoubtful)
        try hide()
        let removal = try engine.update(try engine.desired([try Fleet.lease(3), try Fleet.lease(4)]))
        #expect(removal.isComplete && engine.isDoubtful)
    }

    @Test func `two leases of one node share a forwarding entry until the last one is gone`() throws {
        let mac = try Fleet.mac("02:00:00:00:00:02")
        let old = try Fleet.lease(2, families: [.v4], mac: mac)
        var new = try Fleet.lease(4, families: [.v4], mac: mac)
        new.attributes.publicAddresses.v4 = try Fleet.node(2, .v4)
        try engine.run(try engine.desired([old]))
        #expect(try engine.update(try engine.desired([old, new])).repairs == [.neighborSet: 1, .routeSet: 1])
        #expect(try engine.update(try engine.desired([new])).repairs == [.neighborRemoved: 1, .routeRemoved: 1])
        #expect(try forwardingEntries().count == 1)
        #expect(try engine.update(try engine.desired([])).repairs[.forwardingEntryRemoved] == 1)
        #expect(try forwardingEntries().isEmpty)
    }

    @Test func `what the last run found stays in the report of an update`() throws {
        try engine.run(try engine.desired([]))
        try engine.node.command("ip", "route", "add", "172.16.0.0/16", "dev", "flannel.1", "proto", "static")
        #expect(try engine.run(try engine.desired([])).foreignRoutes.count == 1)
        #expect(try engine.update(try engine.desired([try Fleet.lease(2)])).foreignRoutes.count == 1)
    }

    @Test func `a peer can be reached from the first moment, and none leads astray in the last`() throws {
        try engine.run(try engine.desired([]))
        let recorder = try EventRecorder(engine.node)
        try engine.update(try engine.desired([try Fleet.lease(2, families: [.v4])]))
        let come = try recorder.events().compactMap(Self.kind)
        #expect(come == ["forwarding entry", "neighbor", "route"])
        try engine.update(try engine.desired([]))
        let gone = try recorder.events().compactMap(Self.kind)
        #expect(gone.first == "route removed" && gone.last == "neighbor removed")
    }

    /// What an event is about; the kernel's own routes come when link-local addresses are found to be unique.
    private static func kind(_ event: RouteEvent) -> String? {
        switch event {
        case .route(let route) where route.protocolNumber != DesiredState.routeProtocol: nil
        case .routeRemoved(let route) where route.protocolNumber != DesiredState.routeProtocol: nil
        case .forwardingEntry: "forwarding entry"
        case .neighbor(let entry): entry.state.contains(.permanent) ? "neighbor" : nil
        case .route: "route"
        case .routeRemoved: "route removed"
        case .neighborRemoved: "neighbor removed"
        default: nil
        }
    }

    @Test(arguments: [NetworkConfiguration.Backend.vxlan(.init()), Fleet.directRouting, .hostGateway])
    func `an update leaves what a full run leaves, whatever becomes of the peers`(
        backend: NetworkConfiguration.Backend
    ) throws {
        var generator = SeededGenerator(seed: 5)
        var peers: [Int: Lease] = [:]
        try engine.run(try engine.desired([], backend))
        var updates = 0
        for _ in 0..<60 {
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let number = Int.random(in: 2...9, using: &generator)
                peers[number] = try randomLease(number, backend, &generator)
            }
            let desired = try engine.desired(peers.sorted { $0.key < $1.key }.map(\.value), backend)
            let report = try engine.update(desired)
            #expect(report.failures.isEmpty && !engine.isDoubtful)
            updates += report.requestCount
            let rest = try engine.rest(desired)
            #expect(rest.isUnchanged, "\(rest.repairs) after \(report.repairs)")
            if !rest.isUnchanged { return }
        }
        #expect(updates > 60)
    }

    /// A lease with one of few values for everything, so that they often meet; sometimes none.
    private func randomLease(
        _ number: Int,
        _ backend: NetworkConfiguration.Backend,
        _ generator: inout SeededGenerator
    ) throws -> Lease? {
        let choice = Int.random(in: 0..<10, using: &generator)
        if choice < 3 { return nil }
        let type: BackendType = choice == 3 ? .hostGateway : backend.type
        let mac = try Fleet.mac("02:00:00:00:00:0\(Int.random(in: 1...4, using: &generator))")
        var lease = try Fleet.lease(number, type, mac: choice < 7 ? mac : nil)
        if choice > 5 {
            let other = Int.random(in: 2...5, using: &generator)
            for family in AddressFamily.allCases where Bool.random(using: &generator) {
                lease.attributes.publicAddresses[family] = try Fleet.node(other, family)
            }
        }
        // Some are behind a router.
        if choice == 9 { lease.attributes.publicAddresses.v4 = try Fleet.address("198.51.100.\(number)") }
        return lease
    }
}
