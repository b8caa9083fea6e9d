// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// `macspoofchk` of `bridge`: frames with a source that is not the port's stay where they are.
    @Suite(.requiresProducts("bridge", "host-local"), .requiresPrograms("nft")) struct SpoofCheck {
        private static func network(_ host: TestHost, checking: Bool) -> ContainerNetwork {
            .pods("one", subnet: 88, on: host, extra: [("macspoofchk", .boolean(checking))])
        }

        @Test(arguments: [false, true])
        func `frames with a foreign source do not leave the port, the container's own do`(_ bridgeFilter: Bool) throws {
            let site = try Site(bridgeFilter: bridgeFilter)
            let network = Self.network(site.host, checking: true)
            try site.warmUp(network)
            let before = try Snapshot(of: site.host)
            let first = try site.host.pod("first", on: network)
            let second = try site.host.pod("second", on: network)

            let lookouts = [
                try FrameSocket("eth0", type: Frame.anyType, in: second.container.namespace),
                try FrameSocket("cni-one", type: Frame.anyType, in: site.host.namespace),
            ]
            try Self.expectChecked(first, against: try second.hardwareAddress(), lookouts)
            try Self.expectTraffic(first, second)

            // The check of one port does not depend on that of another.
            try site.host.detach(first)
            let third = try site.host.pod("third", on: network)
            let lookout = try FrameSocket("eth0", type: Frame.anyType, in: third.container.namespace)
            try Self.expectChecked(second, against: try third.hardwareAddress(), [lookout])
            try Self.expectTraffic(second, third)
            for pod in [second, third] { try site.host.detach(pod) }
            #expect(try Snapshot(of: site.host).difference(from: before) == [])
        }

        @Test func `without macspoofchk a container may use any source`() throws {
            let site = try Site()
            let plain = Self.network(site.host, checking: false)
            let checking = ContainerNetwork.pods("two", subnet: 89, on: site.host, extra: [("macspoofchk", true)])
            _ = try site.host.pod("checked", on: checking)
            let first = try site.host.pod("first", on: plain)
            let second = try site.host.pod("second", on: plain)
            let lookout = try FrameSocket("eth0", type: Frame.anyType, in: second.container.namespace)
            let sender = try FrameSocket("eth0", type: Frame.anyType, in: first.container.namespace)
            try sender.send(Frame(from: Frame.foreign, to: .broadcast, "anybody"))
            #expect(try lookout.receive(text: "anybody") == [])
        }

        @Test func `a container that changes its hardware address is cut off until it changes it back`() throws {
            let site = try Site()
            let network = Self.network(site.host, checking: true)
            let first = try site.host.pod("first", on: network)
            let second = try site.host.pod("second", on: network)
            let own = try first.hardwareAddress()
            try Self.expectTraffic(first, second)
            try first.setHardwareAddress(Frame.foreign)
            let way = Combination(family: .v4, transport: .tcp, bridgeFilter: true)
            let service = try way.service("second", port: 91, in: second.container.namespace)
            let address = try second.address(.v4)
            let refused = try way.call(
                address,
                91,
                from: first.container.namespace,
                among: [service],
                within: .patienceForSilence
            )
            #expect(refused == nil)
            try first.setHardwareAddress(own)
            try Self.expectTraffic(first, second)
        }

        /// Sends frames with several foreign sources, then one with the right one: nothing else must come through.
        private static func expectChecked(_ pod: Pod, against other: MACAddress, _ lookouts: [FrameSocket]) throws {
            let own = try pod.hardwareAddress()
            let sender = try FrameSocket("eth0", type: Frame.anyType, in: pod.container.namespace)
            var almost = own.octets
            almost[5] ^= 1
            let sources = [Frame.foreign, other, .broadcast, .zero, MACAddress(octets: almost) ?? .zero]
            // ARP, IPv4, IPv6, a VLAN's tag, and what is nobody's.
            for type: UInt16 in [0x0806, 0x0800, 0x86dd, 0x8100, 0x88b5] {
                for source in sources {
                    try sender.send(Frame(from: source, to: .broadcast, type: type, "foreign"))
                    try sender.send(Frame(from: source, to: other, type: type, "foreign"))
                }
            }
            try sender.send(Frame(from: own, to: .broadcast, "own"))
            for lookout in lookouts {
                let others = try lookout.receive(text: "own")
                #expect(others == [], "of \(pod.container.id)")
            }
        }

        /// Expects that two containers talk to each other.
        private static func expectTraffic(_ first: Pod, _ second: Pod) throws {
            for way in Combination.all where way.bridgeFilter {
                for (source, target) in [(first, second), (second, first)] {
                    let service = try way.service("pod", port: 90, in: target.container.namespace)
                    let address = try target.address(way.family)
                    let contact = try way.call(address, 90, from: source.container.namespace, among: [service])
                    #expect(contact == Contact("pod", saw: try source.address(way.family)), "\(way.testDescription)")
                }
            }
        }
    }
}

extension Frame {
    /// The corresponding C constant is `ETH_P_ALL`.
    fileprivate static var anyType: UInt16 { 0x0003 }
    /// A source that belongs to nobody.
    fileprivate static var foreign: MACAddress { MACAddress("02:de:ad:be:ef:01") ?? .zero }
}

extension MACAddress {
    /// All ones.
    fileprivate static var broadcast: MACAddress { all(0xff) }
    /// All zeroes.
    fileprivate static var zero: MACAddress { all(0) }

    private static func all(_ octet: UInt8) -> MACAddress {
        guard let address = MACAddress(octets: Array(repeating: octet, count: 6)) else {
            preconditionFailure("six octets are an address")
        }
        return address
    }
}

extension FrameSocket {
    /// Receives until a frame with a text comes, and returns what came before it under a foreign name.
    fileprivate func receive(text: String) throws -> [Frame] {
        var others: [Frame] = []
        while let frame = try receive(within: .seconds(2)) {
            if frame.text == text { return others }
            if frame.text == "foreign" { others.append(frame) }
        }
        throw TestFailure("\"\(text)\" did not come; before: \(others)")
    }
}

extension Pod {
    /// The MAC address of `eth0`, as the kernel has it.
    fileprivate func hardwareAddress() throws -> MACAddress {
        let links = try Command.json("ip", "-j", "link", "show", "eth0", in: container.namespace).elements()
        guard let text = links.first?["address"]?.value.string, let address = MACAddress(text) else {
            throw TestFailure("eth0 of \(container.id) has no address")
        }
        return address
    }

    fileprivate func setHardwareAddress(_ address: MACAddress) throws {
        try Command.run("ip", "link", "set", "eth0", "address", "\(address)", in: container.namespace)
    }
}
