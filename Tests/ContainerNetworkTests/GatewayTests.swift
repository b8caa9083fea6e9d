// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import ContainerNetwork
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import RouteNetlink
import Testing

@Suite struct `Gateway addresses` {
    /// A bridge in a namespace of its own.
    final class Host {
        let namespace: NetworkNamespace
        let socket: RouteSocket
        let bridge: Link

        init() throws {
            namespace = try .temporary()
            socket = try .open(in: namespace)
            _ = try socket.addBridge(BridgeOptions(name: "br0", mac: .random(), isUp: true))
            let made = try socket.link(named: "br0")
            bridge = try #require(made)
        }

        /// The addresses that `ip` sees, link-local ones aside.
        var addresses: [String] {
            get throws {
                let links = try Command.json("ip", "-j", "addr", "show", "dev", "br0", in: namespace).elements()
                return try (links.first?["addr_info"]?.elements() ?? []).compactMap { info in
                    let local = try info.requiredMember("local").string()
                    return local.hasPrefix("fe80") ? nil : "\(local)/\(try info.requiredMember("prefixlen").integer())"
                }
            }
        }

        func ensure(_ gateway: String, replacing: Bool = false, isUnused: Bool = false) throws {
            try socket.ensureGateways([try GatewayTestData.gateway(gateway)], on: bridge, replacing: replacing) {
                isUnused
            }
        }
    }

    @Test(arguments: ["10.1.0.1/24", "fd01::1/64"])
    func `are added once, however often they are ensured`(prefix: String) throws {
        let host = try Host()
        try host.ensure(prefix)
        try host.ensure(prefix)
        #expect(try host.addresses == [prefix])
    }

    @Test(arguments: [("10.1.0.1/24", "10.2.0.1/24"), ("fd01::1/64", "fd02::1/64"), ("10.1.0.1/24", "fd02::1/64")])
    func `of subnets that do not overlap coexist`(first: String, second: String) throws {
        let host = try Host()
        try host.ensure(first)
        try host.ensure(second)
        #expect(try Set(host.addresses) == [first, second])
    }

    @Test(arguments: [("10.1.0.1/24", "10.1.0.254/24"), ("10.1.0.1/16", "10.1.2.1/24"), ("fd01::1/64", "fd01::2/64")])
    func `that overlap are a conflict that says what to run`(first: String, second: String) throws {
        let host = try Host()
        try host.ensure(first)
        let error = try #require(throws: CNIError.self) { try host.ensure(second) }
        #expect(error.code == .conflict)
        #expect(error.message == "\"br0\" already has an IP address different from \(second)")
        #expect(error.details.contains("ip address del \(first) dev br0"))
        #expect(try host.addresses == [first])
    }

    @Test(arguments: [("10.1.0.1/24", "10.1.0.254/24"), ("fd01::1/64", "fd01::2/64")])
    func `that overlap are replaced when the configuration forces it`(first: String, second: String) throws {
        let host = try Host()
        try Command.run("ip", "address", "add", first, "dev", "br0", in: host.namespace)
        try host.ensure(second, replacing: true)
        #expect(try host.addresses == [second])
    }

    @Test func `of ours go when no port uses them any more, those of others stay`() throws {
        let host = try Host()
        try host.ensure("10.1.0.1/24")
        try Command.run("ip", "address", "add", "10.9.0.1/24", "dev", "br0", in: host.namespace)
        try host.ensure("10.2.0.1/24", isUnused: true)
        #expect(try Set(host.addresses) == ["10.9.0.1/24", "10.2.0.1/24"])
    }

    @Test func `that are missing are found`() throws {
        let host = try Host()
        let wanted = [try GatewayTestData.gateway("10.1.0.1/24"), try GatewayTestData.gateway("fd01::1/64")]
        try host.ensure("10.1.0.1/24")
        #expect(try host.socket.missingGateways(wanted, on: host.bridge) == [wanted[1]])
    }
}

enum GatewayTestData {
    static func gateway(_ text: String) throws -> Gateway {
        let prefix = try #require(IPPrefix(text))
        return try #require(Gateway(of: .init(address: prefix, gateway: prefix.address)))
    }
}

@Suite struct `Forwarding packets` {
    private func enable(_ family: AddressFamily, in namespace: borrowing NetworkNamespace) throws {
        let socket = try RouteSocket.open(in: namespace)
        try namespace.run { Result { () throws(CNIError) in try Forwarding.enable(family, socket) } }.get()
    }

    private func acceptance(of interface: String, in namespace: borrowing NetworkNamespace) throws -> String {
        try namespace.run { Result { try Sysctl.ipv6(interface, "accept_ra").read() } }.get()
    }

    @Test(arguments: AddressFamily.allCases)
    func `is switched on for its family alone`(family: AddressFamily) throws {
        let namespace = try NetworkNamespace.temporary()
        try enable(family, in: namespace)
        let socket = try RouteSocket.open(in: namespace)
        let states = try AddressFamily.allCases.map { family in try Forwarding.isEnabled(family, socket) }
        #expect(states == AddressFamily.allCases.map { $0 == family })
    }

    @Test func `keeps uplinks listening to routers that did so before`() throws {
        let namespace = try NetworkNamespace.temporary()
        try Command.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "deaf0", in: namespace)
        try namespace.run {
            Result {
                try Sysctl.ipv6("up0", "accept_ra").write("1")
                try Sysctl.ipv6("deaf0", "accept_ra").write("0")
            }
        }.get()
        try enable(.v6, in: namespace)
        #expect(try acceptance(of: "up0", in: namespace) == "2")
        #expect(try acceptance(of: "deaf0", in: namespace) == "0")
    }

    @Test func `does not make bridges and their ports listen to containers`() throws {
        let namespace = try NetworkNamespace.temporary()
        try Command.run("ip", "link", "add", "br0", "type", "bridge", in: namespace)
        try Command.run("ip", "link", "add", "port0", "master", "br0", "type", "veth", in: namespace)
        for name in ["br0", "port0"] {
            try namespace.run { Result { try Sysctl.ipv6(name, "accept_ra").write("1") } }.get()
        }
        try enable(.v6, in: namespace)
        #expect(try acceptance(of: "br0", in: namespace) == "1")
        #expect(try acceptance(of: "port0", in: namespace) == "1")
    }
}
