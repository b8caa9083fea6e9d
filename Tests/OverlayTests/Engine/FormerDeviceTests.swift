// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite struct FormerDevices {
    static let names = ["flannel.1", "flannel-v6.1"]

    static var secondVNI: NetworkConfiguration.Backend {
        var options = NetworkConfiguration.VXLANOptions()
        options.vni = 2
        return .vxlan(options)
    }

    /// Two nodes with VNI 1, the first of which has a device of another daemon, too.
    let cluster: Cluster
    let engine: Engine

    init() throws {
        cluster = try Cluster([.vxlan, .vxlan])
        try cluster.reconcile(.vxlan(.init()))
        engine = try Engine(cluster.nodes[0])
        try engine.node.command(
            "ip",
            "link",
            "add",
            "flannel.7",
            "type",
            "vxlan",
            "id",
            "7",
            "dstport",
            "8472",
            "local",
            "192.0.2.1",
            "dev",
            "eth0"
        )
    }

    /// What a node should have with another configuration, in which both publish the backend's type.
    func desired(
        _ node: Node,
        _ backend: NetworkConfiguration.Backend,
        _ former: [String] = names,
        families: [AddressFamily] = AddressFamily.allCases
    ) throws -> DesiredState {
        var vni: UInt32 = 1
        if case .vxlan(let options) = backend { vni = options.vni }
        return DesiredState(
            own: try Fleet.lease(node.number, backend.type, vni: vni),
            peers: try cluster.nodes.map { try Fleet.lease($0.number, backend.type, vni: vni) },
            uplink: try Fleet.uplink(node.number, index: node.uplink, families: families),
            configuration: try Fleet.configuration(backend),
            formerDevices: former
        )
    }

    func devices(_ node: Node) throws -> [String] {
        try node.command("ip", "-br", "link", "show", "type", "vxlan").split(separator: "\n")
            .compactMap { $0.split(separator: " ").first.map(String.init) }.sorted()
    }

    @Test(arguments: [(secondVNI, ["flannel-v6.2", "flannel.2"]), (.hostGateway, []), (.alloc, [])])
    func `the devices of an earlier configuration go in the run that makes the new ones`(
        backend: NetworkConfiguration.Backend,
        expected: [String]
    ) throws {
        let report = try engine.run(try desired(engine.node, backend))
        #expect(report.isComplete && report.failures.isEmpty)
        #expect(report.repairs[.deviceRemoved] == 2)
        #expect(try devices(engine.node) == (expected + ["flannel.7"]).sorted())
        #expect(try engine.rest(try desired(engine.node, backend)).isUnchanged)
        if backend == .alloc { return }
        let other = try Engine(cluster.nodes[1])
        #expect(try other.run(try desired(other.node, backend)).isComplete)
        for family in AddressFamily.allCases { #expect(try engine.node.reaches(other.node, family)) }
    }

    @Test func `the old device goes last`() throws {
        let recorder = try EventRecorder(engine.node)
        try engine.run(try desired(engine.node, Self.secondVNI))
        let words = try recorder.events().compactMap { event -> String? in
            switch event {
            case .route(let route) where route.protocolNumber == DesiredState.routeProtocol: "route"
            case .linkRemoved(let link): link.name
            default: nil
            }
        }
        #expect(words == ["route", "route"] + Self.names)
    }

    @Test func `a device that the daemon did not name stays, and so does one that is no tunnel`() throws {
        #expect(try engine.run(try desired(engine.node, .hostGateway, [])).isComplete)
        #expect(try devices(engine.node) == ["flannel-v6.1", "flannel.1", "flannel.7"])
        try engine.node.command("ip", "link", "del", "flannel.1")
        try engine.node.command("ip", "link", "add", "flannel.1", "type", "bridge")
        #expect(try engine.run(try desired(engine.node, .hostGateway)).isComplete)
        #expect(try engine.node.command("ip", "-br", "link", "show", "type", "bridge").hasPrefix("flannel.1 "))
        #expect(try devices(engine.node) == ["flannel.7"])
    }

    @Test func `a device under another name makes room for the one with the same identifier`() throws {
        try engine.node.command("ip", "link", "set", "flannel.1", "down")
        try engine.node.command("ip", "link", "set", "flannel.1", "name", "old", "up")
        #expect(try engine.run(try desired(engine.node, .vxlan(.init()), ["old"])).isComplete)
        #expect(try devices(engine.node) == ["flannel-v6.1", "flannel.1", "flannel.7"])
        #expect(try engine.rest(try desired(engine.node, .vxlan(.init()), ["old"])).isUnchanged)
        for family in AddressFamily.allCases { #expect(try engine.node.reaches(cluster.nodes[1], family)) }
    }

    @Test func `the old device stays while the new one cannot be made`() throws {
        try engine.node.command(
            "ip",
            "link",
            "add",
            "blocker",
            "type",
            "vxlan",
            "id",
            "2",
            "dstport",
            "8472",
            "local",
            "192.0.2.1",
            "dev",
            "eth0"
        )
        let report = try engine.run(try desired(engine.node, Self.secondVNI))
        #expect(!report.isComplete && report.repairs[.deviceRemoved] == nil)
        #expect(try devices(engine.node).contains("flannel.1"))
        try engine.node.command("ip", "link", "del", "blocker")
        #expect(try engine.update(try desired(engine.node, Self.secondVNI)).repairs[.deviceRemoved] == 2)
        #expect(try devices(engine.node) == ["flannel-v6.2", "flannel.2", "flannel.7"])
    }

    @Test func `the device of a family that has lost its uplink stays, and a forgotten name changes nothing`() throws {
        let backend = NetworkConfiguration.Backend.vxlan(.init())
        let half = try desired(engine.node, backend, families: [.v4])
        #expect(half.formerDevices.isEmpty)
        #expect(try engine.run(half).isComplete)
        #expect(try devices(engine.node) == ["flannel-v6.1", "flannel.1", "flannel.7"])
        try engine.run(try desired(engine.node, Self.secondVNI))
        // With the names forgotten it is still an update: nobody reads what is hidden here.
        try engine.node.command("ip", "route", "del", "10.244.2.0/24")
        #expect(try engine.update(try desired(engine.node, Self.secondVNI, [])).isUnchanged)
        #expect(try engine.update(try desired(engine.node, Self.secondVNI)).repairs == [.routeSet: 1])
    }
}
