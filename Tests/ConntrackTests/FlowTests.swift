// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import Netlink
import Testing

@testable import Conntrack

/// What is listed and removed, against `conntrack`.
@Suite struct Flows: ~Copyable {
    let namespace: NetworkNamespace
    let socket: ConntrackSocket

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        self.socket = try ConntrackSocket.open(in: namespace)
        self.namespace = namespace
    }

    func witness() throws -> Set<WitnessedFlow> { try WitnessedFlow.all(in: namespace) }

    /// What one side has and the other has not; to compare thus keeps failures readable.
    func difference(_ flows: [Flow], _ expected: Set<WitnessedFlow>) -> Set<WitnessedFlow> {
        Set(flows.map { WitnessedFlow($0) }).symmetricDifference(expected)
    }

    /// Flows of each protocol and family: to two addresses and three ports, not translated or leading to two containers.
    func addGrid(in namespace: borrowing NetworkNamespace) throws {
        var flows: [String] = []
        var source = 1000
        for (own, containers, client) in [
            (["192.168.0.1", "192.168.0.2"], ["10.1.0.2", "10.1.0.3"], "172.16.0.9"),
            (["2001:db8::1", "2001:db8::2"], ["fd00::2", "fd00::3"], "2001:db8:9::9"),
        ] {
            for transport in ["tcp", "udp", "sctp"] {
                for address in own {
                    for port in [53, 8080, 8081] {
                        source += 1
                        flows.append(MadeFlows.flow(transport, from: client, source, to: address, port))
                        for container in containers {
                            for target in [80, 8080] {
                                source += 1
                                flows.append(
                                    MadeFlows.flow(
                                        transport,
                                        from: client,
                                        source,
                                        to: address,
                                        port,
                                        leadingTo: (container, target)
                                    )
                                )
                            }
                        }
                    }
                }
            }
        }
        try MadeFlows.add(flows, in: namespace)
    }

    @Test func `nothing is tracked in a new namespace`() throws {
        #expect(try socket.flowCount() == 0)
        #expect(try socket.flows() == [])
        let filter = FlowFilter([.init(.udp, 53)], leadingTo: [try ip("10.1.0.2")])
        #expect(try socket.flows(matching: filter) == [])
        try socket.removeFlows(matching: filter)
    }

    @Test func `flows of all protocols and families are read as conntrack reads them`() throws {
        try addGrid(in: namespace)
        try MadeFlows.add(["-p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8 --icmp-code 0 --icmp-id 77"], in: namespace)
        let seen = try witness()
        #expect(seen.count == 181)
        #expect(try socket.flowCount() == 181)
        let flows = try socket.flows()
        #expect(difference(flows, seen) == [])
        #expect(Set(flows.map(\.id)).count == 181)
        #expect(difference(try socket.flows(family: .v6), seen.filter { $0.original[0].contains(":") }) == [])
        #expect(try socket.flows(family: .v4).allSatisfy { $0.original.source.family == .v4 })
        #expect(try socket.flows(family: .v4).count == 91)
    }

    static var filters: [FlowFilter] {
        get throws {
            let (first, second) = (try ip("10.1.0.2"), try ip("fd00::2"))
            let ports: [[FlowFilter.Port]] = [
                [.init(.udp, 8080)],
                [.init(.tcp, 8080, to: 80)],
                [.init(.sctp, 53, of: try ip("192.168.0.1")), .init(.sctp, 53, of: try ip("2001:db8::2"))],
                [.init(.udp, 8080, of: try ip("192.168.0.2"), to: 8080)],
                [.init(.udp, 8080, to: 80), .init(.tcp, 8080, to: 80), .init(.udp, 53), .init(.sctp, 8081, to: 9)],
                [.init(.tcp, 9999)],
                [],
            ]
            return ports.flatMap { ports in
                [[first], [second], [first, second]].flatMap { targets in
                    [FlowFilter(ports, leadingTo: targets), FlowFilter(ports, notLeadingTo: targets)]
                }
            }
        }
    }

    /// Whether a filter wants a flow, decided from the witness's words.
    func isWanted(_ flow: WitnessedFlow, _ filter: FlowFilter) -> Bool {
        filter.ports.contains { port in
            guard port.transport.rawValue == flow.transport, "\(port.number)" == flow.original[3] else { return false }
            if let address = port.address, "\(address)" != flow.original[2] { return false }
            let sameFamily = filter.targets.filter { ($0.family == .v6) == flow.reply[0].contains(":") }
            guard let target = sameFamily.first else { return false }
            let leadsThere =
                "\(target)" == flow.reply[0] && (port.target == nil || "\(port.target ?? 0)" == flow.reply[1])
            return leadsThere == filter.wantsTargets
        }
    }

    @Test func `a filter finds the flows that it describes and no other`() throws {
        try addGrid(in: namespace)
        let seen = try witness()
        for filter in try Flows.filters {
            #expect(
                difference(try socket.flows(matching: filter), seen.filter { isWanted($0, filter) }) == [],
                "\(filter)"
            )
        }
        // Each of these pairs of filters is about some flow.
        #expect(try Flows.filters.filter { filter in seen.contains { isWanted($0, filter) } }.count > 25)
    }

    @Test func `the kernel preselects and leaves out nothing that is wanted`() throws {
        try addGrid(in: namespace)
        let seen = try witness()
        for filter in try Flows.filters {
            for family in filter.families {
                let request = try ConntrackRequest.list(family, KernelSelection(filter, family))
                let sent = try socket.socket.dump(request) { (_, payload) throws(NetlinkError) -> Flow? in
                    try Flow(reading: payload) { _, _ in true }
                }
                let expected = seen.filter { isWanted($0, filter.restricted(to: family)) }
                #expect(expected.subtracting(sent.map { WitnessedFlow($0) }) == [], "\(filter)")
                // One protocol is a third of a family.
                if filter.ports.count == 1 { #expect(sent.count <= 30) }
            }
        }
    }

    @Test func `removal of what a filter describes leaves everything else, here and in other namespaces`() throws {
        let other = try NetworkNamespace.temporary()
        try addGrid(in: other)
        let untouched = try WitnessedFlow.all(in: other)
        for filter in try Flows.filters {
            try addGrid(in: namespace)
            let before = try witness()
            try socket.removeFlows(matching: filter)
            #expect(try witness().symmetricDifference(before.filter { !isWanted($0, filter) }) == [], "\(filter)")
            _ = try Command.run("conntrack", "-F", in: namespace)
        }
        #expect(try WitnessedFlow.all(in: other) == untouched)
    }

    @Test func `removal by listing does the same as removal by the kernel`() throws {
        for filter in try Flows.filters where filter.wantsTargets {
            try addGrid(in: namespace)
            let before = try witness()
            let flows = try socket.flows(matching: filter)
            #expect(try socket.remove(flows) == flows.count)
            #expect(try witness().symmetricDifference(before.filter { !isWanted($0, filter) }) == [], "\(filter)")
            _ = try Command.run("conntrack", "-F", in: namespace)
        }
    }

    @Test func `more ports than the kernel is asked to remove one after the other are removed, too`() throws {
        try addGrid(in: namespace)
        let before = try witness()
        let ports = (8000...8300).map { FlowFilter.Port(.udp, $0) }
        let filter = FlowFilter(ports, leadingTo: [try ip("10.1.0.2"), try ip("fd00::3")])
        try socket.removeFlows(matching: filter)
        let after = try witness()
        #expect(after.symmetricDifference(before.filter { !isWanted($0, filter) }) == [])
        #expect(before.count - after.count == 16)
    }

    @Test func `a flow that is gone already is no error`() throws {
        try MadeFlows.add([MadeFlows.flow("udp", from: "10.0.0.9", 1, to: "10.0.0.1", 53)], in: namespace)
        let flow = try #require(try socket.flows().first)
        #expect(try socket.remove(flow))
        #expect(try !socket.remove(flow))
        #expect(try witness().isEmpty)
    }

    @Test func `a later flow with the same tuple stays`() throws {
        let words = MadeFlows.flow("udp", from: "10.0.0.9", 1, to: "10.0.0.1", 53, leadingTo: ("10.1.0.2", 53))
        try MadeFlows.add([words], in: namespace)
        let flow = try #require(try socket.flows().first)
        var later = flow
        // The kernel numbers flows by where they are in memory; others take the first one's place.
        for attempt in 1...20 where later.id == flow.id {
            _ = try Command.run("conntrack", "-D", "-p", "udp", "--dport", "53", in: namespace)
            let others = (1...64).map { MadeFlows.flow("udp", from: "10.0.\(attempt).9", $0, to: "10.0.0.1", 54) }
            try MadeFlows.add(others + [words], in: namespace)
            later = try #require(try socket.flows().first { $0.original.destinationPort == 53 })
        }
        #expect(later.original == flow.original)
        #expect(later.id != flow.id)
        #expect(try !socket.remove(flow))
        #expect(try witness().contains { $0.id == later.id })
    }

    @Test func `zones are read, and a removal keeps to its zone`() throws {
        let words = MadeFlows.flow("udp", from: "10.0.0.9", 1, to: "10.0.0.1", 53)
        let directional = MadeFlows.flow("udp", from: "10.0.0.9", 2, to: "10.0.0.1", 53)
        try MadeFlows.add([words, "\(words) -w 4", "\(directional) --orig-zone 7"], in: namespace)
        let flows = try socket.flows()
        #expect(Set(flows.map(\.zone)) == [0, 4])
        #expect(Set(flows.map(\.original.zone)) == [nil, 7])
        for flow in flows {
            let before = try witness()
            #expect(try socket.remove(flow))
            #expect(try witness().symmetricDifference(before.filter { $0.id != flow.id }) == [])
        }
        #expect(try witness().isEmpty)
    }

    @Test func `a flow of a protocol without ports is removed`() throws {
        let words = "-p icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8 --icmp-code 0 --icmp-id"
        try MadeFlows.add(["\(words) 77", "\(words) 78"], in: namespace)
        let flow = try #require(try socket.flows().first)
        #expect(flow.original.destinationPort == nil)
        #expect(try socket.remove(flow))
        #expect(try witness().count == 1)
        #expect(try !witness().contains { $0.id == flow.id })
    }

    @Test func `thousands of flows are listed and removed whole`() throws {
        let flows = (1...5000).flatMap { port in
            [
                MadeFlows.flow("udp", from: "10.0.0.9", port, to: "10.0.0.1", 53, leadingTo: ("10.1.0.2", 53)),
                MadeFlows.flow("udp", from: "fd09::9", port, to: "fd09::1", 53, leadingTo: ("fd00::2", 53)),
            ]
        }
        try MadeFlows.add(flows, in: namespace)
        let filter = FlowFilter([.init(.udp, 53)], leadingTo: [try ip("10.1.0.2"), try ip("fd00::2")])
        let found = try socket.flows(matching: filter)
        #expect(found.count == 10_000)
        // Of one family, after the kernel's preselection.
        let wider = FlowFilter([.init(.udp, 53), .init(.tcp, 53)], notLeadingTo: [try ip("10.1.0.9")])
        #expect(try socket.flows(matching: wider).count == 5000)
        #expect(try socket.remove(found) == 10_000)
        #expect(try socket.flowCount() == 0)
    }
}
