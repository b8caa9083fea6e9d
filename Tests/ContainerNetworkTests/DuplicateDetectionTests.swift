// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import ContainerNetwork
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import RouteNetlink
import Testing

/// The kernel takes its time for this, and many seconds when hundreds of other links come up meanwhile.
@Suite(.serialized)
struct DuplicateDetectionTests {
    @Test func `waits for duplicate detection when it is asked to`() throws {
        let pair = try ContainerPair(detectsDuplicates: true)
        try pair.interface.prepareSettings()
        try pair.interface.apply(try NetworkResult.made(["fd01::2/64"]), position: 2)
        let info = try #require(
            try Command.json("ip", "-6", "-j", "addr", "show", "dev", "eth0", in: pair.container).elements().first
        )
        let address = try #require(try info["addr_info"]?.elements().first { $0["local"]?.value == "fd01::2" })
        #expect(address["tentative"] == nil)
        #expect(address["nodad"] == nil)
    }

    @Test func `says who is in the way when an address is a duplicate`() throws {
        let pair = try ContainerPair(detectsDuplicates: true)
        try pair.host.run { Result { try Sysctl.ipv6("host0", "accept_dad").write("0") } }.get()
        try Command.run("ip", "address", "add", "fd01::2/64", "dev", "host0", "nodad", in: pair.host)
        try pair.interface.prepareSettings()
        let error = try #require(throws: CNIError.self) {
            try pair.interface.apply(try NetworkResult.made(["fd01::2/64"]), position: 2)
        }
        #expect(error.code == .conflict)
        #expect(error.message.contains("fd01::2/64"))
    }
}
