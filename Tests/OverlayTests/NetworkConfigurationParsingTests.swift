// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Overlay
internal import Testing

@Suite struct NetworkConfigurationParsingTests {
    private func parse(_ text: String) throws -> NetworkConfiguration {
        try NetworkConfiguration(parsing: Array(text.utf8))
    }

    @Test func `the configuration of flannel's manifest is read`() throws {
        let configuration = try parse(
            """
            {"Network": "10.244.0.0/16", "EnableNFTables": false, "Backend": {"Type": "vxlan"}}
            """
        )
        #expect(configuration.families.families == [.v4])
        let family = try #require(configuration.families.v4)
        #expect(family.network.description == "10.244.0.0/16")
        #expect(family.subnetLength == 24)
        #expect(family.firstSubnet.description == "10.244.1.0/24")
        #expect(family.lastSubnet.description == "10.244.255.0/24")
        #expect(configuration.backend == .vxlan(NetworkConfiguration.VXLANOptions()))
        #expect(configuration.backend.type == .vxlan)
        #expect(try NetworkConfiguration(parsing: NetworkConfiguration.defaultText) == configuration)
    }

    @Test func `keys match in any case, and unknown ones are ignored`() throws {
        let configuration = try parse(
            """
            {"NETWORK":"10.5.0.0/16","enableipv6":true,"ipv6network":"fd00:5::/48","subnetlen":26,"Whatever":[1],
             "backend":{"TYPE":"VXLAN","vni":7,"PORT":4789,"mtu":9000,"gbp":true,"LEARNING":true,"directRouting":true,
             "MacPrefix":"0E-2A","Name":"x","checksumoffload":false}}
            """
        )
        var options = NetworkConfiguration.VXLANOptions()
        options.vni = 7
        options.port = 4789
        options.underlayMTU = 9000
        options.groupBasedPolicy = true
        options.learning = true
        options.directRouting = true
        options.checksumOffload = false
        #expect(configuration.backend == .vxlan(options))
        #expect(configuration.families.v4?.subnetLength == 26)
        #expect(configuration.families.v6?.network.description == "fd00:5::/48")
        #expect(configuration.families.v6?.subnetLength == 64)
        #expect(configuration.families.v6?.firstSubnet.description == "fd00:5:0:1::/64")
        #expect(configuration.families.v6?.lastSubnet.description == "fd00:5:0:ffff::/64")
    }

    @Test(arguments: [
        // The second and the last subnet, computed by hand.
        (#""Network":"10.5.0.0/22""#, "10.5.0.0/22", 24, "10.5.1.0", "10.5.3.0"),
        (#""Network":"10.5.0.0/23""#, "10.5.0.0/23", 25, "10.5.0.128", "10.5.1.128"),
        (#""Network":"10.5.0.0/28""#, "10.5.0.0/28", 30, "10.5.0.4", "10.5.0.12"),
        (#""Network":"0.0.0.0/0","SubnetLen":8"#, "0.0.0.0/0", 8, "1.0.0.0", "255.0.0.0"),
        (#""Network":"10.5.99.7/16""#, "10.5.0.0/16", 24, "10.5.1.0", "10.5.255.0"),
        (#""Network":"10.5.0.0/16","SubnetLen":0"#, "10.5.0.0/16", 24, "10.5.1.0", "10.5.255.0"),
        (#""Network":"10.5.0.0/16","SubnetLen":18"#, "10.5.0.0/16", 18, "10.5.64.0", "10.5.192.0"),
        (
            #""Network":"10.5.0.0/16","SubnetMin":"10.5.0.0","SubnetMax":"10.5.9.0""#, "10.5.0.0/16", 24, "10.5.0.0",
            "10.5.9.0"
        ),
        (
            #""Network":"10.5.0.0/16","SubnetMin":"10.5.7.0","SubnetMax":"10.5.7.0""#, "10.5.0.0/16", 24, "10.5.7.0",
            "10.5.7.0"
        ),
    ])
    func `subnets of IPv4 have defaults`(keys: String, network: String, length: Int, first: String, last: String) throws
    {
        let family = try #require(try parse("{\(keys)}").families.v4)
        #expect(family.network.description == network)
        #expect(family.subnetLength == length)
        #expect(family.firstSubnet.description == "\(first)/\(length)")
        #expect(family.lastSubnet.description == "\(last)/\(length)")
    }

    @Test(arguments: [
        ("fd00::/48", "", 64, "fd00:0:0:1::", "fd00:0:0:ffff::"),
        ("fd00::/62", "", 64, "fd00:0:0:1::", "fd00:0:0:3::"),
        ("fd00::/63", "", 65, "fd00::8000:0:0:0", "fd00:0:0:1:8000::"),
        ("fd00::/124", "", 126, "fd00::4", "fd00::c"),
        ("fd00::/112", #","IPv6SubnetLen":126"#, 126, "fd00::4", "fd00::fffc"),
        ("::/0", #","IPv6SubnetLen":2"#, 2, "4000::", "c000::"),
    ])
    func `subnets of IPv6 have defaults, without IPv4`(
        network: String,
        further: String,
        length: Int,
        first: String,
        last: String
    ) throws {
        let text = #"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"\#(network)"\#(further)}"#
        let configuration = try parse(text)
        #expect(configuration.families.families == [.v6])
        let family = try #require(configuration.families.v6)
        #expect(family.subnetLength == length)
        #expect(family.firstSubnet == IPPrefix("\(first)/\(length)"))
        #expect(family.lastSubnet == IPPrefix("\(last)/\(length)"))
    }

    @Test(arguments: [
        (#"{"Network":"10.5.0.0/16"}"#, NetworkConfiguration.Backend.vxlan(.init())),
        (#"{"Network":"10.5.0.0/16","Backend":null}"#, .vxlan(.init())),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":1,"Port":0,"MTU":0}}"#, .vxlan(.init())),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}"#, .hostGateway),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"alloc"}}"#, .alloc),
    ])
    func `backends are read, and VXLAN is the default`(text: String, backend: NetworkConfiguration.Backend) throws {
        #expect(try parse(text).backend == backend)
    }

    /// What is wrong, and what the complaint must say: key, value, and what would be right.
    @Test(arguments: [
        ("", ["empty"]),
        ("[]", ["an object"]),
        ("{}", ["Network", "missing", "10.244.0.0/16"]),
        (#"{"EnableIPv4":false}"#, ["EnableIPv4", "EnableIPv6"]),
        (#"{"EnableIPv6":true,"Network":"10.5.0.0/16"}"#, ["IPv6Network", "missing", "fd00:"]),
        (#"{"EnableIPv4":"yes"}"#, ["EnableIPv4", "yes", "true or false"]),
        (#"{"Network":10}"#, ["Network", "10", "string"]),
        (#"{"Network":"10.5.0.0"}"#, ["Network", "10.5.0.0", "10.244.0.0/16"]),
        (#"{"Network":"fd00::/48"}"#, ["Network", "fd00::/48", "IPv4"]),
        (#"{"Network":"10.5.0.0/29"}"#, ["10.5.0.0/29", "/28"]),
        (#"{"Network":"10.5.0.0/16","SubnetLen":31}"#, ["SubnetLen", "31", "18 to 30"]),
        (#"{"Network":"10.5.0.0/16","SubnetLen":17}"#, ["SubnetLen", "17", "18 to 30"]),
        (#"{"Network":"10.5.0.0/16","SubnetLen":-1}"#, ["SubnetLen", "-1"]),
        (#"{"Network":"10.5.0.0/16","SubnetLen":"24"}"#, ["SubnetLen", "24", "integer"]),
        (#"{"Network":"10.5.0.0/29","SubnetLen":30}"#, ["SubnetLen", "30", "too small"]),
        (#"{"Network":"10.5.0.0/16","SubnetMin":"10.6.0.0"}"#, ["SubnetMin", "10.6.0.0", "/24", "10.5.0.0/16"]),
        (#"{"Network":"10.5.0.0/16","SubnetMax":"10.5.1.1"}"#, ["SubnetMax", "10.5.1.1", "/24"]),
        (#"{"Network":"10.5.0.0/16","SubnetMax":"all"}"#, ["SubnetMax", "all"]),
        (#"{"Network":"10.5.0.0/16","SubnetMin":"10.5.9.0","SubnetMax":"10.5.8.0"}"#, ["10.5.9.0", "10.5.8.0"]),
        (#"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/125"}"#, ["fd00::/125", "/124"]),
        (
            #"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/48","IPv6SubnetLen":127}"#,
            ["IPv6SubnetLen", "127", "50 to 126"]
        ),
        (#"{"Network":"10.5.0.0/16","Backend":{}}"#, ["Backend.Type", "missing", "vxlan", "host-gw", "alloc"]),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"udp"}}"#, ["Backend.Type", "udp", "vxlan", "host-gw", "alloc"]),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"wireguard"}}"#, ["wireguard", "vxlan"]),
        (#"{"Network":"10.5.0.0/16","Backend":"vxlan"}"#, ["Backend", "an object"]),
        (
            #"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}"#,
            ["Backend.VNI", "16777216", "0 to 16777215"]
        ),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","Port":65536}}"#, ["Backend.Port", "65536", "65535"]),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","MTU":100}}"#, ["Backend.MTU", "100", "118"]),
        (#"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","GBP":1}}"#, ["Backend.GBP", "1", "true or false"]),
    ])
    func `a complaint names the key, the value and what would be right`(text: String, words: [String]) throws {
        let error = try #require(throws: OverlayError.self) { try parse(text) }
        #expect(error.code == .configuration)
        for word in words { #expect(error.description.contains(word), "\(error)") }
    }
}
