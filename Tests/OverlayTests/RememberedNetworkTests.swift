// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import Testing

@Suite struct RememberedNetworkTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test(arguments: [
        #"{"Network":"10.5.0.0/16"}"#,
        #"{"Network":"10.5.0.0/20","SubnetLen":26,"SubnetMin":"10.5.1.0","SubnetMax":"10.5.2.0","Backend":{"Type":"host-gw"}}"#,
        #"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/48","Backend":{"Type":"alloc"}}"#,
        #"{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48","Backend":{"Type":"vxlan","VNI":9,"Port":4789,"MTU":9000,"GBP":true,"Learning":true,"DirectRouting":true,"ChecksumOffload":false}}"#,
    ])
    func `a configuration is written so that it is read as the same`(text: String) throws {
        let configuration = try NetworkConfiguration(parsing: Array(text.utf8))
        #expect(try NetworkConfiguration(parsing: configuration.json.text()) == configuration)
    }

    @Test(arguments: [nil, Int64(1_800_000_000)])
    func `what a node knew is read as it was written`(validUntil: Int64?) throws {
        let lease = { (number: Int) in
            Lease(
                subnets: PerFamily(v4: IPPrefix("10.5.\(number).0/24"), v6: IPPrefix("fd00:0:0:\(number)::/64")),
                attributes: LeaseAttributes(
                    publicAddresses: PerFamily(
                        v4: IPAddress("192.0.2.\(number)"),
                        v6: IPAddress("2001:db8::\(number)")
                    ),
                    backendType: .vxlan,
                    backendData: PerFamily(v4: ["VNI": 1, "VtepMAC": "c6:d2:32:6f:8f:44"])
                )
            )
        }
        var remembered = RememberedNetwork(
            store: validUntil == nil ? nil : "file:///srv/network",
            configuration: try NetworkConfiguration(parsing: NetworkConfiguration.defaultText),
            own: lease(1),
            validUntil: validUntil,
            peers: (2..<100).map(lease)
        )
        if validUntil == nil {
            remembered.hints = AddressHints(
                requested: PerFamily(v6: IPAddress("2001:db8::9")),
                known: PerFamily(v4: IPAddress("192.0.2.9"), v6: IPAddress("2001:db8::1"))
            )
        }
        let path = RememberedNetwork.path(in: directory.appending("state"))
        try remembered.write(to: path)
        #expect(try RememberedNetwork(at: path) == remembered)
    }

    @Test func `without a file nothing is known, and a torn one is an error that names it`() throws {
        #expect(try RememberedNetwork(at: directory.appending("none")) == nil)
        let path = directory.appending("torn")
        try File.replace(path, with: Array(#"{"configuration":{"Network":"10.5.0.0/16"},"own":{"Key":"10.5"#.utf8))
        let error = #expect(throws: OverlayError.self) { try RememberedNetwork(at: path) }
        #expect(error?.message.hasPrefix(path) == true)
    }

    @Test func `a record of what was done is read as it was written`() throws {
        let path = NodeRecord.path(in: directory.appending("state"))
        #expect(try NodeRecord(at: path) == NodeRecord())
        var record = NodeRecord()
        record.devices = ["flannel.1", "flannel-v6.1"]
        record.networks = try [#require(IPPrefix("10.10.0.0/16")), #require(IPPrefix("fd00:10::/48"))]
        record.hasAdopted = true
        try record.write(to: path)
        #expect(try NodeRecord(at: path) == record)
        // As it was written before it had networks.
        try File.replace(path, with: Array(#"{"devices":["flannel.1","flannel-v6.1"],"hasAdopted":true}"#.utf8))
        record.networks = []
        #expect(try NodeRecord(at: path) == record)
    }

    @Test(arguments: [StatusFile.State.starting, .ready, .degraded])
    func `a status is read as it was written`(state: StatusFile.State) throws {
        let path = directory.appending("status.json")
        #expect(StatusFile(at: path) == nil)
        let status = StatusFile(state, lastError: "no \"uplink\"", since: 1_795_000_000)
        try status.write(to: path)
        #expect(StatusFile(at: path) == status)
        try File.replace(path, with: Array(#"{"state":"ready","since":"yesterday"}"#.utf8))
        #expect(StatusFile(at: path) == nil)
    }
}
