// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import Testing

extension EndToEnd {
    /// Which address a container's traffic has where it arrives.
    @Suite(.requiresProducts("bridge", "host-local", "portmap")) struct Masquerade {
        @Test(arguments: Combination.all, [false, true])
        func `what leaves the host has the host's address, what stays in the network its own`(
            _ way: Combination,
            _ masqueradesAll: Bool
        ) throws {
            let scene = try PortMapScene(way, portmap: [("masqAll", .boolean(masqueradesAll))])
            let family = way.family
            // Without masquerading the containers' addresses would work as well.
            for network in scene.subnets { try scene.site.routeFromNeighbors(to: network) }
            let outside = try way.service("outside", port: 9000, in: scene.site.outside.namespace)
            let upstream = try way.service("upstream", port: 9000, in: scene.site.upstream.namespace)
            let inside = try way.service("sibling", port: 9000, in: scene.sibling.container.namespace)
            let host = try way.service("host", port: 9000, in: scene.site.host.namespace)
            let services = [outside, upstream, inside, host]
            func call(_ target: IPAddress, from container: TestContainer) throws -> Contact? {
                try way.call(target, 9000, from: container.namespace, among: services)
            }

            for pod in [scene.published, scene.sibling, scene.stranger] {
                let toOutside = try call(Place.outside.address(family), from: pod.container)
                #expect(toOutside == Contact("outside", saw: Place.host.address(family)), "\(pod.container.id)")
                let toUpstream = try call(Place.upstream.address(family), from: pod.container)
                #expect(
                    toUpstream == Contact("upstream", saw: Place.hostUpstream.address(family)),
                    "\(pod.container.id)"
                )
            }
            let sibling = try scene.sibling.address(family)
            let own = try scene.published.address(family)
            #expect(try call(sibling, from: scene.published.container) == Contact("sibling", saw: own))
            #expect(try call(scene.gateway, from: scene.published.container) == Contact("host", saw: own))
            let fromNeighbor = try call(sibling, from: scene.site.outside)
            #expect(
                fromNeighbor == Contact("sibling", saw: Place.outside.address(family)),
                "a neighbour to a container"
            )
            let fromHost = try way.call(sibling, 9000, from: scene.site.host.namespace, among: services)
            #expect(fromHost == Contact("sibling", saw: scene.gateway), "the host to a container")
        }

        @Test(arguments: Combination.all)
        func `a network without ipMasq keeps its containers' addresses`(_ way: Combination) throws {
            let site = try Site(bridgeFilter: way.bridgeFilter)
            let plain = ContainerNetwork.pods("plain", subnet: 88, on: site.host, masquerading: false)
            let pod = try site.host.pod("pod", on: plain)
            let other = try site.host.pod("other", on: .pods("other", subnet: 89, on: site.host))
            for network: IPPrefix in ["10.88.0.0/24", "fd00:88::/64"] { try site.routeFromNeighbors(to: network) }
            let outside = try way.service("outside", port: 9000, in: site.outside.namespace)
            let target = Place.outside.address(way.family)

            let address = try pod.address(way.family)
            #expect(
                try way.call(target, 9000, from: pod.container.namespace, among: [outside])
                    == Contact("outside", saw: address)
            )
            #expect(
                try way.call(target, 9000, from: other.container.namespace, among: [outside])
                    == Contact("outside", saw: Place.host.address(way.family))
            )
        }

        @Test(arguments: Combination.all.filter { $0.transport == .udp })
        func `multicast to the containers of a network keeps its source`(_ way: Combination) throws {
            let scene = try PortMapScene(way)
            let group: IPAddress = way.family == .v4 ? "239.88.0.1" : "ff05::88"
            let own = try scene.published.address(way.family)
            let listener = try way.service("listener", port: 9000, in: scene.sibling.container.namespace)
            try listener.socket.join(group)
            let sender = try TrafficSocket(.udp, boundTo: Endpoint(own, 0), in: scene.published.container.namespace)
            sender.send(Array("hello".utf8), to: Endpoint(group, 9000))
            #expect(Readiness.wait(readers: [listener.socket], until: .after(.seconds(2))))
            #expect(listener.socket.receive()?.sender?.address == own)
        }

        @Test(arguments: [false, true])
        func `broadcast to the containers of a network keeps its source`(_ bridgeFilter: Bool) throws {
            let way = Combination(family: .v4, transport: .udp, bridgeFilter: bridgeFilter)
            let scene = try PortMapScene(way)
            let own = try scene.published.address(.v4)
            let listener = try way.service("listener", port: 9000, in: scene.sibling.container.namespace)
            let sender = try TrafficSocket(.udp, boundTo: Endpoint(own, 0), in: scene.published.container.namespace)
            sender.allowBroadcast()
            for target: IPAddress in ["10.88.0.255", "255.255.255.255"] {
                sender.send(Array("hello".utf8), to: Endpoint(target, 9000))
                #expect(Readiness.wait(readers: [listener.socket], until: .after(.seconds(2))), "to \(target)")
                #expect(listener.socket.receive()?.sender?.address == own, "to \(target)")
            }
        }
    }
}
