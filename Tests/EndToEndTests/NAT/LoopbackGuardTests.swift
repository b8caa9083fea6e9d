// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// `route_localnet`, which lets the host's processes reach published ports at 127.0.0.1, opens a door for containers
    /// (CVE-2020-8558): it has to be guarded.
    @Suite(.requiresProducts("bridge", "host-local", "portmap"), .requiresPrograms("nft")) struct LoopbackGuard {
        @Test(arguments: Transport.allCases, [false, true])
        func `a container does not reach what the host keeps to 127.0.0.1`(
            _ transport: Transport,
            _ bridgeFilter: Bool
        ) throws {
            let way = Combination(family: .v4, transport: transport, bridgeFilter: bridgeFilter)
            let scene = try PortMapScene(way)
            let host = scene.site.host
            let loopback = Endpoint("127.0.0.1", 7000)
            let secret = try Service("secret", transport, at: loopback, in: host.namespace)
            for pod in [scene.published, scene.sibling] { try Self.openLoopback(in: pod.container, to: scene.gateway) }
            func call(from pod: Pod, port: UInt16 = 7000) throws -> String? {
                let client = try TrafficSocket(
                    transport,
                    // Else the source would be 127.0.0.1 as well.
                    boundTo: Endpoint(try pod.address(.v4), 0),
                    in: pod.container.namespace
                )
                return Conversation.open(
                    transport,
                    from: client,
                    to: Endpoint("127.0.0.1", port),
                    among: [secret, scene.web] + scene.decoys,
                    by: .after(.patienceForSilence)
                )?.contact.service
            }

            #expect(try scene.call("127.0.0.1", from: host.namespace)?.service == "web", "localhost to the port")
            #expect(try call(from: scene.published) == nil)
            #expect(try call(from: scene.sibling) == nil)
            #expect(try call(from: scene.sibling, port: PortMapScene.port) == nil, "a published port at 127.0.0.1")

            // Without the guard the door is open: else this test would show nothing.
            try host.run("nft", "delete", "element", "inet", "cni_portmap", "loopback_guard", "{ \"cni-one\" }")
            #expect(try call(from: scene.published) == "secret", "with the guard removed")
            #expect(try call(from: scene.sibling) == "secret", "with the guard removed")
        }

        @Test func `the guard survives the last container`() throws {
            let way = Combination(family: .v4, transport: .tcp, bridgeFilter: true)
            let scene = try PortMapScene(way)
            let host = scene.site.host
            try host.detach(scene.published.attachment)
            let setting = Sysctl.ipv4("cni-one", "route_localnet")
            let value = try host.namespace.run { Result { try setting.read() } }.get()
            let guarded = try host.run("nft", "list", "set", "inet", "cni_portmap", "loopback_guard")
            #expect(value == "0" || guarded.contains("\"cni-one\""), "\(guarded)")
        }

        /// Makes a container send packets for 127.0.0.1 to the host.
        private static func openLoopback(in container: TestContainer, to gateway: IPAddress) throws {
            try container.namespace.write(.ipv4("eth0", "route_localnet"), "1")
            try Command.run("ip", "route", "add", "127.0.0.1/32", "via", "\(gateway)", in: container.namespace)
        }
    }
}
