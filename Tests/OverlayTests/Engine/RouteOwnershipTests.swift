// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import Overlay
import RouteNetlink
import Testing

@Suite struct RouteOwnerships {
    let desired: DesiredState
    let tunnel = LinkIndex(rawValue: 7)
    let uplink = LinkIndex(rawValue: 2)

    init() throws { desired = try Fleet.desired([try Fleet.lease(2), try Fleet.lease(3, .hostGateway)]) }

    func route(
        _ destination: String,
        via gateway: String? = nil,
        _ interface: LinkIndex,
        protocolNumber: UInt8 = 70
    ) throws -> Route {
        Route(
            destination: try Fleet.prefix(destination),
            gateway: try gateway.map { try Fleet.address($0) },
            interface: interface,
            table: 254,
            scope: 0,
            protocolNumber: protocolNumber
        )
    }

    func difference(
        adopting: Bool = false,
        replacing destination: String? = nil,
        _ routes: [Route]
    ) throws -> Difference {
        var kernel = KernelState(holding: desired)
        if let destination {
            let prefix = try Fleet.prefix(destination)
            kernel.routes.v4?.removeAll { $0.destination == prefix }
        }
        kernel.routes.v4? += routes
        return Difference(desired: desired, kernel: kernel, adopting: adopting)
    }

    func wanted(_ destination: String) throws -> DesiredRoute {
        let prefix = try Fleet.prefix(destination)
        return try #require(desired.routes.first { $0.destination == prefix })
    }

    @Test func `a route of ours that nobody wants goes, on whatever interface`() throws {
        let stale = try route("10.244.9.0/24", via: "192.0.2.9", LinkIndex(rawValue: 55))
        #expect(try difference([stale]).changes == [.removeRoute(stale)])
        let outside = try route("172.16.0.0/24", tunnel)
        #expect(try difference([outside]).changes == [.removeRoute(outside)])
    }

    @Test func `a route with our number outside the network is another daemon's`() throws {
        #expect(try difference([try route("172.16.0.0/24", via: "192.0.2.9", uplink)]).isEmpty)
    }

    @Test func `a route of ours with another gateway or interface is replaced in one step`() throws {
        for other in [
            try route("10.244.2.0/24", via: "192.0.2.2", uplink), try route("10.244.2.0/24", via: "10.244.2.0", uplink),
        ] {
            let difference = try difference(replacing: "10.244.2.0/24", [other])
            #expect(difference.changes == [.replaceRoute(try wanted("10.244.2.0/24"))])
        }
    }

    @Test func `an IPv6 route from the uplink to the tunnel goes before it comes`() throws {
        let wanted = try wanted("fd00:244:0:2::/64")
        var kernel = KernelState(holding: desired)
        let position = try #require(kernel.routes.v6?.firstIndex { $0.destination == wanted.destination })
        kernel.routes.v6?[position].gateway = try Fleet.node(2, .v6)
        kernel.routes.v6?[position].interface = uplink
        kernel.routes.v6?[position].isOnLink = false
        let old = try #require(kernel.routes.v6?[position])
        #expect(Difference(desired: desired, kernel: kernel).changes == [.removeRoute(old), .addRoute(wanted)])
    }

    @Test func `a route of ours with a metric goes`() throws {
        var other = try route("10.244.2.0/24", via: "192.0.2.2", uplink)
        other.priority = 100
        #expect(try difference([other]).changes == [.removeRoute(other)])
        #expect(
            try difference(replacing: "10.244.2.0/24", [other]).changes
                == [.removeRoute(other), .addRoute(try wanted("10.244.2.0/24"))]
        )
    }

    @Test func `somebody else's route on the device is reported and stays`() throws {
        let foreign = try route("172.16.0.0/24", tunnel, protocolNumber: 4)
        let difference = try difference([foreign])
        #expect(difference.isEmpty)
        #expect(difference.foreignRoutes == [foreign])
    }

    @Test func `somebody else's route in the place of ours is a conflict and stays`() throws {
        let foreign = try route("10.244.2.0/24", via: "192.0.2.77", uplink, protocolNumber: 4)
        let difference = try difference(replacing: "10.244.2.0/24", [foreign])
        #expect(difference.isEmpty)
        #expect(difference.conflictingRoutes == [foreign])
    }

    @Test func `flannel's routes are adopted at the first start only`() throws {
        let tunnelled = try route("10.244.2.0/24", via: "10.244.2.0", tunnel, protocolNumber: 3)
        let direct = try route("10.244.3.0/24", via: "192.0.2.3", uplink, protocolNumber: 3)
        for (route, destination) in [(tunnelled, "10.244.2.0/24"), (direct, "10.244.3.0/24")] {
            let adopted = try difference(adopting: true, replacing: destination, [route])
            #expect(adopted.changes == [.replaceRoute(try wanted(destination))])
            #expect(adopted.foreignRoutes.isEmpty && adopted.conflictingRoutes.isEmpty)
            let later = try difference(replacing: destination, [route])
            #expect(later.isEmpty)
            #expect(later.conflictingRoutes == [route])
        }
    }

    @Test func `flannel's routes are adopted where Kubernetes gives out subnets of other lengths than the network's`()
        throws
    {
        var leases = try [1, 2, 3].map { try Fleet.lease($0, families: [.v4]) }
        for (position, text) in ["10.244.1.0/25", "10.244.2.0/25", "10.244.3.0/26"].enumerated() {
            leases[position].subnets.v4 = try Fleet.prefix(text)
        }
        let desired = DesiredState(
            own: leases[0],
            peers: Array(leases[1...]),
            uplink: try Fleet.uplink(1),
            configuration: try Fleet.configuration(families: [.v4])
        )
        var kernel = KernelState(holding: desired)
        let (second, third, former) = try (
            route("10.244.2.0/25", via: "10.244.2.0", tunnel, protocolNumber: 3),
            route("10.244.3.0/26", via: "10.244.3.0", tunnel, protocolNumber: 3),
            route("10.244.9.0/25", via: "10.244.9.0", tunnel, protocolNumber: 3)
        )
        kernel.routes.v4 = [second, third, former]
        let difference = Difference(desired: desired, kernel: kernel, adopting: true)
        #expect(difference.conflictingRoutes.isEmpty && difference.foreignRoutes.isEmpty)
        #expect(
            Set(difference.changes)
                == Set(desired.routes.map { .replaceRoute($0) } + [Change.removeRoute(former)])
        )
    }

    @Test func `of flannel's routes to unknown subnets only those through the device are removed`() throws {
        let tunnelled = try route("10.244.9.0/24", via: "10.244.9.0", tunnel, protocolNumber: 3)
        let direct = try route("10.244.9.0/24", via: "192.0.2.3", uplink, protocolNumber: 3)
        #expect(try difference(adopting: true, [tunnelled]).changes == [.removeRoute(tunnelled)])
        #expect(try difference(adopting: true, [direct]).isEmpty)
        let later = try difference([tunnelled])
        #expect(later.isEmpty && later.foreignRoutes == [tunnelled])
    }

    @Test(arguments: ["10.244.9.0/25", "10.244.8.0/23", "172.16.9.0/24"])
    func `routes through the device that no lease can have are not adopted`(destination: String) throws {
        let other = try route(destination, tunnel, protocolNumber: 3)
        let difference = try difference(adopting: true, [other])
        #expect(difference.isEmpty && difference.foreignRoutes == [other])
    }

    @Test func `a way through somebody unknown is not adopted`() throws {
        let other = try route("10.244.3.0/24", via: "192.0.2.77", uplink, protocolNumber: 3)
        let difference = try difference(adopting: true, replacing: "10.244.3.0/24", [other])
        #expect(difference.isEmpty && difference.conflictingRoutes == [other])
    }
}
