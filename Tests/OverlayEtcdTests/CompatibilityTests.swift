// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import IPAddresses
internal import JSON
internal import LinuxTesting
internal import Overlay
internal import OverlayEtcd
internal import Testing

/// Keys and values as flannel's own programs read and write them.
@Suite(.timeLimit(.minutes(1))) struct CompatibilityTests {
    private let server: EtcdServer

    init() throws { server = try SharedServer.server.get() }

    /// Reads keys and values as a Go flanneld would: its pattern for keys, its types for values.
    private static let reader = """
        import ipaddress, json, re, sys
        pattern = re.compile(r'(\\d+\\.\\d+.\\d+.\\d+)-(\\d+)(?:&([a-f\\d:]+)-(\\d+))?$')
        result = []
        for entry in json.load(sys.stdin):
            found = pattern.search(entry["key"])
            v4 = ipaddress.IPv4Network(found.group(1) + "/" + found.group(2))
            v6 = ipaddress.IPv6Network(found.group(3) + "/" + found.group(4)) if found.group(3) else None
            value = json.loads(entry["value"])
            assert set(value) <= {"PublicIP", "PublicIPv6", "BackendType", "BackendData", "BackendV6Data"}, value
            ipaddress.IPv4Address(value["PublicIP"])
            if value["PublicIPv6"] is not None: ipaddress.IPv6Address(value["PublicIPv6"])
            for data in ("BackendData", "BackendV6Data"):
                if data in value: assert re.fullmatch(r'([0-9a-f]{2}:){5}[0-9a-f]{2}', value[data]["VtepMAC"]), value
            # Byte for byte what encoding/json makes of it: no spaces, members in the order of the type's fields.
            order = [m for m in ("PublicIP", "PublicIPv6", "BackendType", "BackendData", "BackendV6Data") if m in value]
            assert entry["value"] == json.dumps({m: value[m] for m in order}, separators=(",", ":")), entry
            result.append([str(v4), str(v6), value["PublicIP"], value["PublicIPv6"], value.get("BackendType", ""),
                           value.get("BackendData"), value.get("BackendV6Data")])
        print(json.dumps(result))
        """

    private func read(_ network: EtcdNetwork) async throws -> JSONValue {
        let entries = try await network.entries().sorted { $0.key < $1.key }.map { name, entry in
            JSONValue.object(
                JSONObject([
                    ("key", .string(entry.key)), ("value", .string(String(decoding: entry.value, as: UTF8.self))),
                ])
            )
        }
        let text = String(decoding: JSONValue.array(entries).text(), as: UTF8.self)
        return try JSONValue(parsing: Array(try Command.run("python3", "-c", Self.reader, input: text).utf8))
    }

    @Test func `an independent reader understands what is written`() async throws {
        let v6 = #""EnableIPv6":true,"IPv6Network":"fd00:5::/48""#
        let cases: [(String, String, JSONValue)] = [
            (
                #"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}"#, "10.5.9.0-24",
                [
                    "10.5.9.0/24", "None", "192.0.2.1", .null, "vxlan",
                    ["VNI": 1, "VtepMAC": "c6:d2:32:6f:8f:44"], .null,
                ]
            ),
            (
                #"{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"},\#(v6)}"#, "10.5.9.0-24&fd00:5:0:9::-64",
                ["10.5.9.0/24", "fd00:5:0:9::/64", "192.0.2.1", "2001:db8::1", "host-gw", .null, .null]
            ),
            (
                #"{"EnableIPv4":false,"Backend":{"Type":"vxlan","VNI":7},\#(v6)}"#, "0.0.0.0-0&fd00:5:0:9::-64",
                [
                    "0.0.0.0/0", "fd00:5:0:9::/64", "192.0.2.1", "2001:db8::1", "vxlan", .null,
                    ["VNI": 7, "VtepMAC": "c6:d2:32:6f:8f:45"],
                ]
            ),
            (
                #"{"Network":"10.5.0.0/16","Backend":{"Type":"alloc"}}"#, "10.5.9.0-24",
                ["10.5.9.0/24", "None", "192.0.2.1", .null, "", .null, .null]
            ),
        ]
        for (configuration, name, expected) in cases {
            try await EtcdNetwork.with(configuration, server: server) { network in
                let node = NodeDescription(
                    publicAddresses: PerFamily(
                        v4: IPAddress("192.0.2.1"),
                        v6: configuration.contains("EnableIPv6") ? IPAddress("2001:db8::1") : nil
                    ),
                    deviceMACs: PerFamily(v4: MACAddress("c6:d2:32:6f:8f:44"), v6: MACAddress("c6:d2:32:6f:8f:45"))
                )
                try await network.node("a") { store async throws in
                    #expect(try await store.hold(node, previous: name).lease.subnets.leaseKey == name)
                    #expect(try await network.entries().keys.sorted() == [name])
                    #expect(try await read(network) == .array([expected]))
                }
            }
        }
    }

    @Test func `what Go flannels write is understood`() async throws {
        try await EtcdNetwork.with(server: server) { network in
            let mac = "c6:d2:32:6f:8f:44"
            try await network.write("10.5.1.0-24", goValue("192.0.2.1"))
            try await network.write(
                "10.5.2.0-24&fd00:5:0:2::-64",
                #"{"PublicIP":"192.0.2.2","PublicIPv6":"2001:db8::2","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"\#(mac)"},"BackendV6Data":{"VNI":1,"VtepMAC":"\#(mac)"}}"#
            )
            try await network.write(
                "10.5.3.0-24",
                #"{"PublicIP":"192.0.2.3","PublicIPv6":null,"BackendType":"host-gw"}"#
            )
            try await network.write("10.5.4.0-24", #"{"PublicIP":"192.0.2.4","PublicIPv6":null}"#)
            try await network.write(
                "10.5.5.0-24",
                #"{"PublicIP":"192.0.2.5","PublicIPv6":null,"BackendType":"wireguard","BackendData":{"PublicKey":"abc","Port":51820}}"#
            )
            try await network.write(
                "10.5.6.0-24",
                #"{"PublicIP":"192.0.2.6","PublicIPv6":null,"BackendType":"extension","BackendData":"anything"}"#
            )
            // Of before IPv6.
            try await network.write(
                "10.5.7.0-24",
                #"{"PublicIP":"192.0.2.7","BackendType":"vxlan","BackendData":{"VtepMAC":"\#(mac)"}}"#
            )
            try await network.node("a") { store async throws in
                let snapshot = await store.look()
                #expect(snapshot.problems == [])
                #expect(
                    snapshot.peers.map { $0.attributes.publicAddresses.v4 }
                        == (1...7).map { IPAddress("192.0.2.\($0)") }
                )
                #expect(
                    snapshot.peers.map(\.attributes.backendType.rawValue)
                        == ["vxlan", "vxlan", "host-gw", "", "wireguard", "extension", "vxlan"]
                )
                let second = try #require(snapshot.peers.dropFirst().first)
                #expect(second.subnets == PerFamily(v4: IPPrefix("10.5.2.0/24"), v6: IPPrefix("fd00:5:0:2::/64")))
                #expect(second.attributes.publicAddresses.v6 == IPAddress("2001:db8::2"))
                let endpoint = try VXLANEndpoint(JSONNode(try #require(second.attributes.backendData.v6)))
                #expect(endpoint.vni == 1 && endpoint.mac == MACAddress(mac))
            }
        }
    }
}
