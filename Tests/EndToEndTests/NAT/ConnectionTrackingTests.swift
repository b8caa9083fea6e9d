// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import Testing

extension EndToEnd {
    /// Clients that keep their socket while what they talk to comes, goes and changes.
    @Suite(.requiresProducts("bridge", "host-local", "portmap")) struct ConnectionTracking {
        /// A site whose network has had containers before, so that connections are tracked from the start.
        private struct Scene {
            let way: Combination
            let site: Site
            let network: ContainerNetwork
            let warmUp: Pod

            init(_ way: Combination) throws {
                self.way = way
                site = try Site(bridgeFilter: way.bridgeFilter)
                network = ContainerNetwork.pods("one", subnet: 88, on: site.host).chaining("portmap")
                warmUp = try site.host.pod("warm-up", on: network, publishing: [way.port(8079, to: 80)])
            }

            var port: UInt16 { 8080 }

            /// Attaches a container that publishes the port, with a service.
            func publish(_ id: String, at address: IPAddress? = nil) throws -> (pod: Pod, service: Service) {
                let pod = try site.host.pod(id, on: network, publishing: [way.port(8080, to: 80, at: address)])
                return (pod, try way.service(id, port: 80, in: pod.container.namespace))
            }

            /// Who answers on the port.
            func call(from client: TrafficSocket, _ target: IPAddress, _ services: Service...) -> String? {
                let patience = Duration.seconds(2)
                let target = Endpoint(target, port)
                return Conversation.open(
                    way.transport,
                    from: client,
                    to: target,
                    among: services,
                    by: .after(patience)
                )?
                .contact.service
            }

            /// A client that goes on from one port.
            func client(in namespace: borrowing NetworkNamespace, port: UInt16 = 40_000) throws -> TrafficSocket {
                try TrafficSocket(way.transport, boundTo: Endpoint(way.family.anyAddress, port), in: namespace)
            }
        }

        /// A UDP client: where it is, and what the port is published on.
        struct Caller: Sendable, CustomTestStringConvertible {
            let family: AddressFamily
            let isOutside: Bool
            let target: IPAddress
            let published: IPAddress?

            static var all: [Caller] {
                let callers = AddressFamily.allCases.flatMap { family in
                    let host = Place.host.address(family)
                    return [true, false].flatMap { isOutside in
                        [nil, host].map {
                            Caller(family: family, isOutside: isOutside, target: host, published: $0)
                        }
                    }
                }
                return callers + [Caller(family: .v4, isOutside: false, target: "127.0.0.1", published: nil)]
            }

            var testDescription: String {
                let place = published.map { "\($0)" } ?? "all addresses"
                return "\(isOutside ? "outside" : "the host") to \(target), published on \(place)"
            }
        }

        @Test(arguments: Caller.all)
        func `a UDP client that sent too early reaches each container that publishes the port`(
            _ caller: Caller
        ) throws {
            let family = caller.family
            let way = Combination(family: family, transport: .udp, bridgeFilter: true)
            let scene = try Scene(way)
            let target = caller.target
            let address = caller.published
            let client =
                caller.isOutside
                ? try scene.client(in: scene.site.outside.namespace)
                : try scene.client(in: scene.site.host.namespace)
            // Nobody is there: the datagram is refused, and remembered.
            #expect(scene.call(from: client, target) == nil)

            let (first, firstService) = try scene.publish("first", at: address)
            #expect(scene.call(from: client, target, firstService) == "first", "after the first ADD")
            try scene.site.host.detach(first)

            let own = try way.service("the host", port: 8080, in: scene.site.host.namespace)
            #expect(scene.call(from: client, target, firstService, own) == "the host", "after DEL")

            let (second, secondService) = try scene.publish("second", at: address)
            #expect(try second.address(family) != first.address(family))
            let last = scene.call(from: client, target, firstService, secondService, own)
            #expect(last == "second", "after the second ADD")
        }

        @Test(arguments: [AddressFamily.v4, .v6])
        func `ADD and DEL leave the conversations of others alone`(_ family: AddressFamily) throws {
            let way = Combination(family: family, transport: .udp, bridgeFilter: true)
            let scene = try Scene(way)
            let host = Place.host.address(family)
            // From outside to another published port, and from a container to the same port number elsewhere.
            let warm = try way.service("warm-up", port: 80, in: scene.warmUp.container.namespace)
            let published = try #require(
                try way.open(host, 8079, from: scene.site.outside.namespace, among: [warm]),
                "outside to a published port"
            )
            let upstream = try way.service("upstream", port: 8080, in: scene.site.upstream.namespace)
            let elsewhere = try #require(
                try way.open(
                    Place.upstream.address(family),
                    8080,
                    from: scene.warmUp.container.namespace,
                    among: [upstream]
                ),
                "a container to a neighbour"
            )
            let (pod, service) = try scene.publish("new")
            #expect(published.isHeardBack(), "outside, after ADD")
            #expect(elsewhere.isHeardBack(), "the container, after ADD")
            #expect(scene.call(from: try scene.client(in: scene.site.outside.namespace), host, service) == "new")
            try scene.site.host.detach(pod)
            #expect(published.isHeardBack(), "outside, after DEL")
            #expect(elsewhere.isHeardBack(), "the container, after DEL")
            #expect(published.goesOn() && elsewhere.goesOn())
        }

        @Test(arguments: [AddressFamily.v4, .v6])
        func `a TCP client whose container died reaches the next one from the same port`(
            _ family: AddressFamily
        ) throws {
            let way = Combination(family: family, transport: .tcp, bridgeFilter: true)
            let scene = try Scene(way)
            let host = Place.host.address(family)
            var first: Pod? = nil
            do {
                let (pod, service) = try scene.publish("first")
                let conversation = try #require(
                    try way.open(host, 8080, from: scene.site.outside.namespace, sourcePort: 40_000, among: [service])
                )
                #expect(conversation.goesOn())
                // The client forgets the connection, nobody tells the host.
                conversation.vanish()
                first = pod
            }
            if let first { try scene.site.host.detach(first) }
            let (_, service) = try scene.publish("second")
            let contact = try way.call(
                host,
                8080,
                from: scene.site.outside.namespace,
                sourcePort: 40_000,
                among: [service],
                within: .seconds(4)
            )
            #expect(contact == Contact("second", saw: Place.outside.address(family)))
        }

        @Test(arguments: Combination.all)
        func `a conversation goes on while others on the network come and go`(_ way: Combination) throws {
            let scene = try Scene(way)
            let warm = try way.service("warm-up", port: 80, in: scene.warmUp.container.namespace)
            let upstream = try way.service("upstream", port: 9000, in: scene.site.upstream.namespace)
            let outside = try #require(
                try way.open(Place.host.address(way.family), 8079, from: scene.site.outside.namespace, among: [warm])
            )
            let outward = try #require(
                try way.open(
                    Place.upstream.address(way.family),
                    9000,
                    from: scene.warmUp.container.namespace,
                    among: [upstream]
                )
            )
            for round in 0..<3 {
                let (pod, _) = try scene.publish("other-\(round)")
                #expect(outside.goesOn() && outward.goesOn(), "after ADD \(round)")
                try scene.site.host.detach(pod)
                #expect(outside.goesOn() && outward.goesOn(), "after DEL \(round)")
            }
        }
    }
}
