// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import JSON
import Testing

@testable import FlannelPlugin

/// What the delegate gets, of a configuration and what flanneld says.
@Suite struct RenderingTests {
    private func render(_ members: String, masquerading: Bool = true, version: String? = "1.0.0") throws -> JSONObject {
        let environment = try SubnetEnvironment(
            parsing: """
                FLANNEL_NETWORK=10.244.0.0/16
                FLANNEL_SUBNET=10.244.1.1/24
                FLANNEL_MTU=1450
                FLANNEL_IPMASQ=\(masquerading)
                """,
            path: "subnet.env"
        )
        let cniVersion = version.map { "\"cniVersion\":\"\($0)\"," } ?? ""
        let document = try JSONValue(
            parsing: "{\(cniVersion)\"name\":\"cbr0\",\"type\":\"flannel\"\(members)}".utf8
        )
        let configuration = try NetworkConfiguration(
            document: document,
            version: try NetworkConfiguration.version(of: document)
        )
        return try FlannelConfiguration(configuration).rendered(with: environment).document
    }

    private func ipam(_ document: JSONObject) throws -> JSONNode { JSONNode(try #require(document["ipam"])) }

    @Test func `an empty configuration becomes a bridge that is a gateway`() throws {
        let document = try render("")
        let expected: JSONValue = [
            "name": "cbr0", "type": "bridge", "ipMasq": false, "mtu": 1450, "isGateway": true, "cniVersion": "1.0.0",
            "ipam": [
                "type": "host-local", "ranges": [[["subnet": "10.244.1.0/24"]]], "routes": [["dst": "10.244.0.0/16"]],
            ],
        ]
        #expect(JSONValue.object(document) == expected)
    }

    @Test func `the delegate masquerades when flanneld does not`() throws {
        #expect(try render("", masquerading: false)["ipMasq"] == true)
        #expect(try render(#","delegate":{"ipMasq":false}"#, masquerading: false)["ipMasq"] == false)
    }

    @Test func `only a bridge is told to be a gateway`() throws {
        let document = try render(#","delegate":{"type":"ptp"}"#)
        #expect(document["type"] == "ptp")
        #expect(document["isGateway"] == nil)
    }

    @Test func `without a version the delegate gets none`() throws {
        #expect(try render("", version: nil)["cniVersion"] == nil)
        #expect(try render("", version: "")["cniVersion"] == nil)
    }

    @Test func `ranges are replaced, routes are added to, the rest of ipam stays`() throws {
        let document = try render(
            #","ipam":{"type":"x","Ranges":[[{"subnet":"10.9.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"}],"k":{"l":[1]}}"#
        )
        let ipam = try ipam(document)
        #expect(ipam["type"]?.value == "x")
        #expect(ipam["ranges"]?.value == [[["subnet": "10.244.1.0/24"]]])
        #expect(ipam["routes"]?.value == [["dst": "0.0.0.0/0"], ["dst": "10.244.0.0/16"]])
        #expect(ipam["k"]?.value == ["l": [1]])
    }

    @Test(arguments: [
        #""delegate":{"name":"x"}"#, #""delegate":{"IPAM":null}"#, #""delegate":{"type":["bridge"]}"#,
        #""delegate":{"type":"flannel"}"#, #""delegate":[]"#, #""ipam":"host-local""#, #""ipam":{"routes":{}}"#,
        #""runtimeConfig":[]"#, #""subnetFile":{}"#, #""dataDir":"a\u0000""#,
    ])
    func `what it cannot work with is refused as configuration`(member: String) {
        let error = #expect(throws: CNIError.self) { try render(",\(member)") }
        #expect(error?.code == .invalidConfiguration, "\(error?.message ?? "")")
    }
}
