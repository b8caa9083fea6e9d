// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import IPAddresses
internal import JSON
internal import Testing

@Suite struct NetworkResultTests {
    /// A result that uses every field there is.
    private var full: NetworkResult {
        get throws {
            var result = NetworkResult()
            result.interfaces = [
                .init(name: "cni0", mac: "02:00:00:00:00:01"),
                .init(name: "eth0", mac: "02:00:00:00:00:02", mtu: 1400, sandbox: "/run/netns/a"),
            ]
            result.interfaces[1].socketPath = "/run/vhost.sock"
            result.interfaces[1].pciID = "0000:00:1f.6"
            result.ips = [
                .init(address: try prefix("10.1.0.5/16"), gateway: IPAddress("10.1.0.1"), interface: 1),
                .init(address: try prefix("fd00::5/64"), gateway: IPAddress("fd00::1"), interface: 1),
            ]
            var extended = RouteConfiguration(destination: try prefix("0.0.0.0/0"), gateway: IPAddress("10.1.0.1"))
            (extended.mtu, extended.advertisedMSS, extended.priority) = (1300, 1260, 100)
            (extended.table, extended.scope) = (1000, 253)
            result.routes = [extended, RouteConfiguration(destination: try prefix("fd01::/48"))]
            result.dns.nameservers = ["10.1.0.1"]
            result.dns.domain = "example.org"
            result.dns.search = ["example.org", "example.net"]
            result.dns.options = ["ndots:5"]
            return result
        }
    }

    private func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

    private let dns: JSONValue = [
        "nameservers": ["10.1.0.1"], "domain": "example.org", "search": ["example.org", "example.net"],
        "options": ["ndots:5"],
    ]

    /// What ``full`` is in a version, written by hand from the specification of that version.
    private func expected(_ version: SpecVersion) -> JSONValue {
        let name = JSONValue.string(version.description)
        if version <= .v0_2_0 {
            return [
                "cniVersion": name,
                "ip4": [
                    "ip": "10.1.0.5/16", "gateway": "10.1.0.1", "routes": [["dst": "0.0.0.0/0", "gw": "10.1.0.1"]],
                ],
                "ip6": ["ip": "fd00::5/64", "gateway": "fd00::1", "routes": [["dst": "fd01::/48"]]], "dns": dns,
            ]
        }
        if version < .v1_1_0 {
            var first = JSONObject([
                ("interface", 1), ("address", "10.1.0.5/16"), ("gateway", "10.1.0.1"),
            ])
            var second = JSONObject([("interface", 1), ("address", "fd00::5/64"), ("gateway", "fd00::1")])
            if version < .v1_0_0 {
                first = JSONObject([("version", "4")] + first.members.map { ($0.key, $0.value) })
                second = JSONObject([("version", "6")] + second.members.map { ($0.key, $0.value) })
            }
            return [
                "cniVersion": name,
                "interfaces": [
                    ["name": "cni0", "mac": "02:00:00:00:00:01"],
                    ["name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/a"],
                ],
                "ips": [.object(first), .object(second)],
                "routes": [["dst": "0.0.0.0/0", "gw": "10.1.0.1"], ["dst": "fd01::/48"]], "dns": dns,
            ]
        }
        return [
            "cniVersion": name,
            "interfaces": [
                ["name": "cni0", "mac": "02:00:00:00:00:01"],
                [
                    "name": "eth0", "mac": "02:00:00:00:00:02", "mtu": 1400, "sandbox": "/run/netns/a",
                    "socketPath": "/run/vhost.sock", "pciID": "0000:00:1f.6",
                ],
            ],
            "ips": [
                ["interface": 1, "address": "10.1.0.5/16", "gateway": "10.1.0.1"],
                ["interface": 1, "address": "fd00::5/64", "gateway": "fd00::1"],
            ],
            "routes": [
                [
                    "dst": "0.0.0.0/0", "gw": "10.1.0.1", "mtu": 1300, "advmss": 1260, "priority": 100, "table": 1000,
                    "scope": 253,
                ],
                ["dst": "fd01::/48"],
            ],
            "dns": dns,
        ]
    }

    @Test(arguments: SpecVersion.all)
    func `a version's document has exactly its fields`(version: SpecVersion) throws {
        #expect(try full.document(version: version) == expected(version))
    }

    @Test(arguments: SpecVersion.all, SpecVersion.all)
    func `a document of one version becomes that of another`(source: SpecVersion, target: SpecVersion) throws {
        let decoded = try NetworkResult(decoding: JSONNode(expected(source)), version: .v0_1_0)
        let converted = decoded.document(version: target)
        // What the poorer of the two versions cannot say is lost, nothing else.
        let poorer = try NetworkResult(decoding: JSONNode(expected(min(source, target))), version: .v0_1_0)
        #expect(converted == poorer.document(version: target))
        if target <= source { #expect(converted == expected(target)) }
    }

    @Test(arguments: SpecVersion.all)
    func `a document without version is of the configuration's`(version: SpecVersion) throws {
        var document = try #require(expected(version).object)
        document["cniVersion"] = nil
        let decoded = try NetworkResult(decoding: JSONNode(.object(document)), version: version)
        #expect(decoded.document(version: version) == expected(version))
    }

    @Test func `an empty result has DNS before 1.0.0 and nothing after`() {
        for version in SpecVersion.all {
            let document = NetworkResult().document(version: version)
            let name = JSONValue.string(version.description)
            #expect(document == (version < .v1_0_0 ? ["cniVersion": name, "dns": [:]] : ["cniVersion": name]))
        }
    }

    @Test func `only the first address of a family survives before 0.3.0`() throws {
        var result = try full
        result.ips.insert(.init(address: try prefix("10.9.0.1/24")), at: 1)
        #expect(result.document(version: .v0_2_0).object?["ip4"]?.object?["ip"] == "10.1.0.5/16")
        result.ips.removeAll { $0.address.family == .v6 }
        let document = result.document(version: .v0_2_0).object
        #expect(document?["ip6"] == nil)
        #expect(document?["ip4"]?.object?["routes"]?.array?.count == 1)
    }

    @Test(arguments: [
        (#"{"cniVersion":"7.0.0"}"#, "cniVersion"),
        (#"{"cniVersion":7}"#, "cniVersion"),
        (#"{"ips":[{"address":"10.0.0.1"}]}"#, "ips[0].address"),
        (#"{"ips":[{}]}"#, "ips[0].address"),
        (#"{"ips":{}}"#, "ips"),
        (#"{"ips":[{"address":"10.0.0.1/8","gateway":"x"}]}"#, "ips[0].gateway"),
        (#"{"interfaces":[{"name":"a"}],"ips":[{"address":"10.0.0.1/8","interface":1}]}"#, "ips[0].interface"),
        (#"{"ips":[{"address":"10.0.0.1/8","interface":-1}]}"#, "ips[0].interface"),
        (#"{"routes":[{"gw":"10.0.0.1"}]}"#, "routes[0].dst"),
        (#"{"routes":[{"dst":"fd00::/8","gw":"10.0.0.1"}]}"#, "routes[0].gw"),
        (#"{"routes":[{"dst":"10.0.0.0/8","scope":256}]}"#, "routes[0].scope"),
        (#"{"routes":[{"dst":"10.0.0.0/8","mtu":4294967296}]}"#, "routes[0].mtu"),
        (#"{"dns":[]}"#, "dns"),
        (#"{"dns":{"nameservers":"1.1.1.1"}}"#, "dns.nameservers"),
        (#"{"interfaces":[1]}"#, "interfaces[0]"),
        ("[]", ""),
    ])
    func `a wrong member is named`(text: String, path: String) throws {
        let node = JSONNode(try JSONValue(parsing: text.utf8))
        let error = #expect(throws: JSONError.self) { try NetworkResult(decoding: node, version: .v1_1_0) }
        #expect(error?.path == path)
    }

    @Test func `null and empty members are absent ones`() throws {
        let text =
            #"{"cniVersion":"1.1.0","interfaces":[{"name":"a","mac":"","sandbox":"","mtu":null}],"ips":null,"dns":null}"#
        let result = try NetworkResult(decoding: JSONNode(try JSONValue(parsing: text.utf8)), version: .v0_1_0)
        #expect(result.interfaces == [.init(name: "a")])
        #expect(result.ips.isEmpty && result.dns.isEmpty)
    }

    @Test func `a route that leads everywhere is told`() throws {
        #expect(RouteConfiguration(destination: try prefix("0.0.0.0/0")).isDefault)
        #expect(RouteConfiguration(destination: try prefix("::/0")).isDefault)
        #expect(!RouteConfiguration(destination: try prefix("0.0.0.0/1")).isDefault)
    }
}
