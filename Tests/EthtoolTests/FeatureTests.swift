// swift-cni, SPDX-License-Identifier: Apache-2.0

import Ethtool
import LinuxSystem
import LinuxTesting
import Netlink
import RouteNetlink
import Testing

@Suite final class Features {
    let namespace: NetworkNamespace
    let device: LinkIndex

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        device = try RouteSocket.open(in: namespace).addVeth(VethPair(name: "v0", peerName: "v1")).host
        self.namespace = namespace
    }

    /// What `ethtool -k` says.
    func witness(_ name: String) throws -> Substring? {
        try namespace.run { Result { try Command.run("ethtool", "-k", "v0") } }.get().split(separator: "\n")
            .first { $0.contains("\(name):") }?.split(separator: " ").dropFirst().first
    }

    @Test(arguments: ["tx-checksum-ip-generic", "tx-scatter-gather", "rx-checksumming", "tx-checksum-ipv4"])
    func `a feature is as the ethtool program says`(name: String) throws {
        let socket = try EthtoolSocket.open(in: namespace)
        // The program has older names for some.
        let feature = DeviceFeature(rawValue: name == "rx-checksumming" ? "rx-checksum" : name)
        #expect(try socket.isOn(feature, of: device) == (try witness(name) == "on"))
    }

    @Test func `checksum offload is switched off and on`() throws {
        let socket = try EthtoolSocket.open(in: namespace)
        for isOn in [false, true, true, false, false] {
            try socket.setFeature(.checksumOffload, of: device, isOn: isOn)
            #expect(try socket.isOn(.checksumOffload, of: device) == isOn)
            #expect(try witness("tx-checksum-ip-generic") == (isOn ? "on" : "off"))
        }
        #expect(try witness("tx-scatter-gather") == "on")
    }

    @Test func `what cannot be is an error, and an unknown feature is none`() throws {
        let socket = try EthtoolSocket.open(in: namespace)
        let unknown = DeviceFeature(rawValue: "tx-checksum-by-hand")
        #expect(try socket.isOn(unknown, of: device) == nil)
        #expect { try socket.setFeature(unknown, of: device, isOn: true) } throws: { error in
            let error = try #require(error as? NetlinkError)
            return error.number == .invalidArgument || error.number == .notSupported
        }
        #expect { _ = try socket.isOn(.checksumOffload, of: LinkIndex(rawValue: 4711)) } throws: { error in
            (error as? NetlinkError)?.number == .noSuchDevice
        }
        // "on [fixed]"
        let loopback = try #require(try RouteSocket.open(in: namespace).link(named: "lo")).index
        #expect { try socket.setFeature(.checksumOffload, of: loopback, isOn: false) } throws: { error in
            (error as? NetlinkError)?.number == .notSupported
        }
        // The socket is as good as before.
        #expect(try socket.isOn(.checksumOffload, of: device) == true)
    }
}
