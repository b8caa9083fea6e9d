// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import RouteNetlink
internal import Testing

@testable internal import Overlay

/// Devices that go on listening to router advertisements, as `/proc/sys` is read-only for the daemon.
@Suite struct ListeningTests {
    @Test func `a check goes by what could be done, until somebody has done the rest`() throws {
        let cluster = try Cluster([.vxlan])
        let node = cluster.nodes[0]
        let desired = try node.desired([], .vxlan(.init()))
        let report = try node.reconcile([], .vxlan(.init()))
        func holds(_ listening: Set<String>, _ setting: String) throws -> Bool {
            try node.namespace.run {
                Result {
                    try Sysctl.ipv6("flannel.1", "accept_ra").write(setting)
                    let check = KernelCheck(desired: desired, devices: report.devices, listeningDevices: listening)
                    return try check.holds(RouteSocket.open())
                }
            }.get()
        }
        #expect(try holds([], "0"))
        #expect(try !holds([], "1"))
        #expect(try holds(["flannel.1"], "1"))
        #expect(try !holds(["flannel.1"], "0"))
    }

    @Test func `a report says what is out of reach, and passes it on`() throws {
        let cluster = try Cluster([.vxlan])
        var report = try cluster.nodes[0].reconcile([], .vxlan(.init()))
        #expect(report.limitations == [])
        report.noteListening("flannel.1")
        report.noteListening("flannel.1")
        #expect(report.limitations.count == 1)
        #expect(report.limitations[0].hasSuffix("sysctl -w net/ipv6/conf/flannel.1/accept_ra=0 refuses them"))
        #expect(report.isComplete)
        #expect(ReconciliationReport(after: report).limitations == report.limitations)
    }
}
