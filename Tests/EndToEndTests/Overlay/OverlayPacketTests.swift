// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import Testing

@Suite(.requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"), .serialized)
struct OverlayPacketTests {
    /// A backend and where the nodes are.
    struct Layout: Sendable, CustomTestStringConvertible {
        let backend: String
        let segments: Int
        var testDescription: String { "\(backend), \(segments) segments" }
    }

    /// Which families a network has.
    struct Families: Sendable, CustomTestStringConvertible {
        let keys: String
        let list: [AddressFamily]
        var testDescription: String { list.map { "\($0)" }.joined(separator: "+") }

        static var all: [Families] {
            let v4 = #""Network":"10.244.0.0/16""#
            let v6 = #""EnableIPv6":true,"IPv6Network":"fd00:10:244::/48""#
            return [
                Families(keys: v4, list: [.v4]), Families(keys: #""EnableIPv4":false,"# + v6, list: [.v6]),
                Families(keys: "\(v4),\(v6)", list: [.v4, .v6]),
            ]
        }
    }

    static let layouts = [
        Layout(backend: #"{"Type":"vxlan"}"#, segments: 2),
        Layout(backend: #"{"Type":"vxlan","VNI":77,"Port":4789,"DirectRouting":true}"#, segments: 2),
        Layout(backend: #"{"Type":"host-gw"}"#, segments: 1),
    ]

    @Test(arguments: layouts, Families.all)
    func `containers of all nodes reach each other`(layout: Layout, families: Families) throws {
        try expectMesh(layout, families, .directory)
    }

    /// The store changes nothing about packets: of each layout one network is enough, but for the long form.
    static var layoutsForOthers: [(Layout, Families)] {
        BuiltProducts.runsLong
            ? layouts.flatMap { layout in Families.all.map { (layout, $0) } }
            : Array(zip(layouts, Families.all.reversed()))
    }

    @Test(.requiresPrograms("etcd", "etcdctl"), arguments: layoutsForOthers)
    func `with leases in etcd containers of all nodes reach each other`(layout: Layout, families: Families) throws {
        try expectMesh(layout, families, .etcd)
    }

    @Test(arguments: layoutsForOthers)
    func `with Kubernetes' subnets containers of all nodes reach each other`(layout: Layout, families: Families) throws
    {
        try expectMesh(layout, families, .kubernetes)
    }

    private func expectMesh(_ layout: Layout, _ families: Families, _ store: OverlayStore) throws {
        let cluster = try OverlayCluster(
            3,
            network: #"{\#(families.keys),"Backend":\#(layout.backend)}"#,
            store: store,
            flags: ["--ip-masq"],
            segmentOf: { min($0, layout.segments) }
        )
        try cluster.start(families.list)
        let addresses = try cluster.attachContainers()
        #expect(addresses.allSatisfy { $0.all.map(\.family) == families.list })
        try cluster.expectMesh(addresses)
        for node in cluster.nodes {
            let outcome = try node.cnitool("del", "c\(node.number)")
            #expect(outcome.termination == .exited(0))
        }
    }
}
