// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

@Suite struct ChecksumOffload {
    let cluster: Cluster
    let engine: Engine
    let backend: NetworkConfiguration.Backend

    init() throws {
        var options = NetworkConfiguration.VXLANOptions()
        options.checksumOffload = false
        backend = .vxlan(options)
        cluster = try Cluster([.vxlan, .vxlan])
        engine = try Engine(cluster.nodes[0])
    }

    /// What the ethtool program says of both devices.
    func witness() throws -> [Bool] {
        try ["flannel.1", "flannel-v6.1"].map { name in
            try engine.node.command("ethtool", "-k", name).contains("tx-checksum-ip-generic: on")
        }
    }

    @Test func `it is left alone unless it is not wanted`() throws {
        let usual = try engine.node.desired(cluster.nodes, .vxlan(.init()))
        try engine.run(usual)
        #expect(try witness() == [true, true])
        try engine.node.command("ethtool", "-K", "flannel.1", "tx-checksum-ip-generic", "off")
        #expect(try engine.run(usual).isUnchanged)
        #expect(try witness() == [false, true])
    }

    @Test func `it is switched off on a device that is there, on a new one, and again`() throws {
        try engine.run(try engine.node.desired(cluster.nodes, .vxlan(.init())))
        let desired = try engine.node.desired(cluster.nodes, backend)
        #expect(try engine.update(desired).repairs == [.setting: 2])
        #expect(try witness() == [false, false])
        #expect(try engine.rest(desired).isUnchanged)
        try engine.node.command("ethtool", "-K", "flannel.1", "tx-checksum-ip-generic", "on")
        #expect(try engine.run(desired).repairs == [.setting: 1])
        #expect(try witness() == [false, false])
        try engine.node.command("ip", "link", "del", "flannel.1")
        // Router advertisements are the other setting.
        #expect(try engine.run(desired).repairs[.setting] == 2)
        #expect(try witness() == [false, false])
        try cluster.nodes[1].reconcile(cluster.nodes, .vxlan(.init()))
        for family in AddressFamily.allCases { #expect(try engine.node.reaches(cluster.nodes[1], family)) }
    }

    @Test func `what the switch makes the kernel report is of no concern`() throws {
        let desired = try engine.node.desired(cluster.nodes, backend)
        let report = try engine.run(desired)
        let recorder = try EventRecorder(engine.node)
        _ = try recorder.events()
        try engine.node.command("ethtool", "-K", "flannel.1", "tx-checksum-ip-generic", "on")
        #expect(try engine.run(desired).repairs == [.setting: 1])
        let filter = EventFilter(desired: desired, devices: report.devices)
        #expect(try recorder.events().filter(filter.concerns) == [])
    }
}
