// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Testing

@Suite struct MACAddressTests {
    @Test(arguments: ["02:00:5e:10:00:0f", "02:00:5E:10:00:0F", "02-00-5e-10-00-0f", "0200.5e10.000f"])
    func `three notations are read, one is written`(text: String) throws {
        let address = try #require(MACAddress(text))
        #expect(address.octets == [0x02, 0, 0x5e, 0x10, 0, 0x0f])
        #expect(address.description == "02:00:5e:10:00:0f")
    }

    @Test(arguments: [
        "", "02", "02:00:5e:10:00", "02:00:5e:10:00:0f:01", "2:0:5e:10:0:f", "02:00:5e:10:00:0g", "02:00-5e:10:00:0f",
        "02005e10000f", "02:00:5e:10:00:0f:", ":02:00:5e:10:00:0f", "0200:5e10:000f", "02.00.5e.10.00.0f",
        "+2:00:5e:10:00:0f",
        "02:00:5e:10:00:0f\n", "００:00:5e:10:00:0f", "02:00:5e:10:00: f",
    ])
    func `anything else is refused`(text: String) { #expect(MACAddress(text) == nil) }

    @Test func `a derived address is local and unicast`() throws {
        for byte in UInt8.min...UInt8.max {
            let address = try #require(MACAddress(hash: [byte, 1, 2, 3, 4, 5, 6]))
            #expect(address.octets[0] & 3 == 2)
            #expect(!address.isMulticast)
            #expect(Array(address.octets[1...]) == [1, 2, 3, 4, 5])
        }
        #expect(MACAddress(hash: [1, 2, 3, 4, 5]) == nil)
    }

    @Test func `groups and zero are told`() {
        #expect(MACAddress("ff:ff:ff:ff:ff:ff")?.isMulticast == true)
        #expect(MACAddress("01:00:5e:00:00:01")?.isMulticast == true)
        #expect(MACAddress("02:00:00:00:00:01")?.isMulticast == false)
        #expect(MACAddress("00:00:00:00:00:00")?.isZero == true)
        #expect(MACAddress("00:00:00:00:00:01")?.isZero == false)
        #expect(MACAddress(octets: [1, 2, 3, 4, 5]) == nil)
    }
}
