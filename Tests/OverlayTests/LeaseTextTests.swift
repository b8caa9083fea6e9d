// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import Overlay
internal import Testing

/// A reader of flannel's keys and values made from the reference's words alone, with none of our code.
private enum Reference {
    /// "Dotted quad, `-`, digits, optional `&hex:colons-digits`", at the end of a key.
    static func key(_ text: String) -> [String]? {
        guard let match = text.firstMatch(of: #/(\d+\.\d+\.\d+\.\d+)-(\d+)(?:&([a-f\d:]+)-(\d+))?$/#) else {
            return nil
        }
        return [match.1, match.2, match.3, match.4].compactMap { $0.map(String.init) }
    }

    /// The members in flannel's order; an absent one is nil.
    static func value(_ text: String) -> [String?]? {
        let data = #"(\{[^{}]*\}|"[^"]*")"#
        let pattern =
            #"^\{"PublicIP":"([^"]*)","PublicIPv6":(null|"[^"]*")(?:,"BackendType":"([^"]+)")?"#
            + #"(?:,"BackendData":\#(data))?(?:,"BackendV6Data":\#(data))?\}$"#
        guard let match = try? Regex(pattern).firstMatch(in: text) else { return nil }
        return (1...5).map { match.output[$0].substring.map(String.init) }
    }

    /// How flannel finds the address it published: the text is split at `:"`.
    static func mac(_ data: String) -> String? {
        guard let start = data.firstRange(of: #":""#) else { return nil }
        return String(data[start.upperBound...].prefix { $0 != "\"" })
    }
}

@Suite struct LeaseTextTests {
    static let keys: [(String, String?, String?)] = [
        ("10.5.1.0-24", "10.5.1.0/24", nil),
        ("10.5.1.0-24&fd00:5:0:1::-64", "10.5.1.0/24", "fd00:5:0:1::/64"),
        ("0.0.0.0-0&fd00:5:0:1::-64", nil, "fd00:5:0:1::/64"),
        ("10.5.0.4-30&fd00::4-126", "10.5.0.4/30", "fd00::4/126"),
    ]

    @Test(arguments: keys) func `keys are written and read as flannel does`(key: String, v4: String?, v6: String?)
        throws
    {
        let subnets = PerFamily(v4: v4.flatMap { IPPrefix($0) }, v6: v6.flatMap { IPPrefix($0) })
        #expect(subnets.leaseKey == key)
        #expect(PerFamily<IPPrefix>(leaseKey: key) == subnets)
        let read = try #require(Reference.key("/coreos.com/network/subnets/\(key)"))
        var expected = (v4 ?? "0.0.0.0/0").split(separator: "/").map(String.init)
        if let v6 { expected += v6.split(separator: "/").map(String.init) }
        #expect(read == expected)
    }

    @Test(arguments: [
        "", "-", "10.5.1.0", "10.5.1.0-", "10.5.1.0/24", "10.5.1.0-33", "10.5.1.1-24", "10.5.1.0-+24", "10.5.1.0-24&",
        "10.5.1.0-24&10.5.2.0-24", "fd00::-64", "0.0.0.0-0", "0.0.0.0-0&::-0", "10.5.1.0-24&fd00::-64&fd00::-64",
        "10.5.1.0-24.json", "config", ".10.5.1.0-24.tmp", "10.5.1.0-24&fd00::1-64", "10.5.1.0-9999", "x10.5.1.0-24",
    ])
    func `what names no subnet is no key`(text: String) { #expect(PerFamily<IPPrefix>(leaseKey: text) == nil) }

    @Test func `subnets overlap by family`() throws {
        func key(_ text: String) throws -> PerFamily<IPPrefix> { try #require(PerFamily(leaseKey: text)) }
        let dual = try key("10.5.1.0-24&fd00:5:0:1::-64")
        #expect(dual.overlaps(dual))
        #expect(try dual.overlaps(key("10.5.0.0-16")))
        #expect(try dual.overlaps(key("10.5.1.128-25&fd00:9::-64")))
        #expect(try dual.overlaps(key("0.0.0.0-0&fd00:5::-48")))
        #expect(try !dual.overlaps(key("10.5.2.0-24&fd00:5:0:2::-64")))
        #expect(try !key("10.5.1.0-24").overlaps(key("0.0.0.0-0&fd00:5:0:1::-64")))
    }

    private static let mac = "c6:d2:32:6f:8f:44"
    private static let endpoint = #"{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}"#

    @Test(
        arguments: [
            (
                "192.168.64.3", nil, "vxlan", endpoint, nil,
                #"{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":"# + endpoint + "}"
            ),
            (
                "192.168.64.3", "fd00::3", "vxlan", endpoint, endpoint,
                #"{"PublicIP":"192.168.64.3","PublicIPv6":"fd00::3","BackendType":"vxlan","BackendData":"# + endpoint
                    + #","BackendV6Data":"# + endpoint + "}"
            ),
            (
                nil, "fd00::3", "vxlan", nil, endpoint,
                #"{"PublicIP":"0.0.0.0","PublicIPv6":"fd00::3","BackendType":"vxlan","BackendV6Data":"# + endpoint + "}"
            ),
            (
                "192.168.64.3", nil, "host-gw", nil, nil,
                #"{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"host-gw"}"#
            ),
            ("192.168.64.3", nil, "", nil, nil, #"{"PublicIP":"192.168.64.3","PublicIPv6":null}"#),
            (
                "192.168.64.3", nil, "extension", #""some text""#, nil,
                #"{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"extension","BackendData":"some text"}"#
            ),
        ] as [(String?, String?, String, String?, String?, String)]
    )
    func `values are written byte for byte as flannel does, and read back`(
        v4: String?,
        v6: String?,
        type: String,
        data: String?,
        dataV6: String?,
        text: String
    ) throws {
        func json(_ text: String?) throws -> JSONValue? { try text.map { try JSONValue(parsing: Array($0.utf8)) } }
        let attributes = LeaseAttributes(
            publicAddresses: PerFamily(v4: v4.flatMap { IPAddress($0) }, v6: v6.flatMap { IPAddress($0) }),
            backendType: BackendType(rawValue: type),
            backendData: PerFamily(v4: try json(data), v6: try json(dataV6))
        )
        let written = String(decoding: attributes.json.text(), as: UTF8.self)
        #expect(written == text)
        #expect(try LeaseAttributes(parsing: Array(text.utf8)) == attributes)
        let read = try #require(Reference.value(written))
        #expect(read == [v4 ?? "0.0.0.0", v6.map { "\"\($0)\"" } ?? "null", type.isEmpty ? nil : type, data, dataV6])
    }

    @Test func `values are read whatever the case, the order and the spaces`() throws {
        let text = """
            { "backenddata": { "vtepmac": "C6-D2-32-6F-8F-44", "vni": 1.0 }, "BACKENDTYPE": "vxlan", "Extra": [],
              "publicip": "192.168.64.3", "BackendV6Data": null }
            """
        let attributes = try LeaseAttributes(parsing: Array(text.utf8))
        #expect(attributes.publicAddresses == PerFamily(v4: IPAddress("192.168.64.3")))
        #expect(attributes.backendType == .vxlan)
        #expect(attributes.backendData.v6 == nil)
        let data = JSONNode(try #require(attributes.backendData.v4))
        #expect(try VXLANEndpoint(data) == VXLANEndpoint(vni: 1, mac: try #require(MACAddress(Self.mac))))
    }

    @Test(arguments: [
        "", "null", "[]", #"{"PublicIP":"192.168.64.3""#, #"{"PublicIP":"host"}"#, #"{"PublicIP":"fd00::1"}"#,
        #"{"PublicIPv6":"10.0.0.1"}"#, #"{"PublicIP":1}"#, #"{"BackendType":[]}"#,
    ])
    func `a value that makes no sense is told`(text: String) throws {
        let error = try #require(throws: OverlayError.self) { try LeaseAttributes(parsing: Array(text.utf8)) }
        #expect(error.code == .malformedText)
    }

    @Test func `what a VXLAN node publishes is exact, and found the way flannel looks for it`() throws {
        let endpoint = VXLANEndpoint(vni: 1, mac: try #require(MACAddress(Self.mac)))
        let text = String(decoding: endpoint.json.text(), as: UTF8.self)
        #expect(text == Self.endpoint)
        #expect(Reference.mac(text) == Self.mac)
        #expect(try VXLANEndpoint(JSONNode(endpoint.json)) == endpoint)
    }

    @Test(arguments: [
        "null", "{}", #"{"VNI":1}"#, #"{"VNI":1,"VtepMAC":""}"#, #"{"VNI":16777216,"VtepMAC":"c6:d2:32:6f:8f:44"}"#,
        #"{"VNI":1,"VtepMAC":"01:00:5e:00:00:01"}"#, #"{"VNI":1,"VtepMAC":"00:00:00:00:00:00"}"#,
        #"{"VNI":"1","VtepMAC":"c6:d2:32:6f:8f:44"}"#,
    ])
    func `backend data that is no VXLAN endpoint is told`(text: String) throws {
        let value = JSONNode(try JSONValue(parsing: Array(text.utf8)))
        let error = try #require(throws: OverlayError.self) { try VXLANEndpoint(value) }
        #expect(error.code == .malformedText)
    }
}
