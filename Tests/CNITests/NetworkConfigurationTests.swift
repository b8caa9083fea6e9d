// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import IPAddresses
internal import JSON
internal import Testing

@Suite struct NetworkConfigurationTests {
    private func read(_ text: String) throws -> NetworkConfiguration {
        let document = try JSONValue(parsing: text.utf8)
        return try NetworkConfiguration(document: document, version: try NetworkConfiguration.version(of: document))
    }

    @Test func `the version is read alone`() throws {
        #expect(try NetworkConfiguration.version(of: [:]) == .v0_1_0)
        #expect(try NetworkConfiguration.version(of: ["cniVersion": ""]) == .v0_1_0)
        #expect(try NetworkConfiguration.version(of: ["cniVersion": "1.1.0", "name": 7]) == .v1_1_0)
        for (document, code) in [
            (["cniVersion": "1.2.0"], .incompatibleVersion), (["cniVersion": "0.4"], .incompatibleVersion),
            (["cniVersion": 1], .invalidConfiguration), ([], .invalidConfiguration),
        ] as [(JSONValue, CNIError.Code)] {
            let error = #expect(throws: CNIError.self) { try NetworkConfiguration.version(of: document) }
            #expect(error?.code == code)
        }
        let error = #expect(throws: CNIError.self) {
            try NetworkConfiguration.version(of: ["cniVersion": "0.3.0"], supported: [.v0_4_0])
        }
        #expect(error?.code == .incompatibleVersion)
        #expect(error?.details == #"config is "0.3.0", plugin supports [0.4.0]"#)
    }

    @Test(arguments: [
        #"{}"#, #"{"name":null}"#, #"{"name":""}"#, #"{"name":1}"#, #"{"name":"a/b"}"#, #"{"name":"-a"}"#,
    ])
    func `a missing or bad name is code 7`(text: String) {
        let error = #expect(throws: CNIError.self) { try read(text) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("name") == true)
    }

    @Test func `keys match in any case`() throws {
        let configuration = try read(
            #"{"NAME":"n","IPAM":{"Type":"host-local"},"Args":{"CNI":{"ips":["10.0.0.1"]}},"RUNTIMECONFIG":{"mac":"x"}}"#
        )
        #expect(configuration.name == "n")
        #expect(configuration.ipamType == "host-local")
        #expect(configuration.arguments?["ips"] != nil)
        #expect(configuration.runtimeConfiguration?["mac"]?.value == "x")
    }

    @Test(arguments: [
        #"{"name":"n"}"#, #"{"name":"n","ipam":{}}"#, #"{"name":"n","ipam":{"type":""}}"#, #"{"name":"n","ipam":null}"#,
    ])
    func `without a type there is no IPAM`(text: String) throws {
        #expect(try read(text).ipamType == nil)
        #expect(try read(text).ipam == nil)
    }

    @Test func `a previous result inherits the version`() throws {
        let configuration = try read(
            #"{"name":"n","cniVersion":"0.2.0","prevResult":{"ip4":{"ip":"10.0.0.1/8"}}}"#
        )
        #expect(try configuration.previousResult()?.ips.map(\.address.description) == ["10.0.0.1/8"])
        #expect(try read(#"{"name":"n"}"#).previousResult() == nil)
        let error = #expect(throws: CNIError.self) {
            try read(#"{"name":"n","cniVersion":"1.0.0","prevResult":{"ips":[{}]}}"#).previousResult()
        }
        #expect(error?.message.contains("prevResult.ips[0].address") == true)
    }

    @Test func `valid attachments come under either key; absent is not empty`() throws {
        let id = AttachmentID(containerID: "c", interfaceName: "eth0")
        for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
            #expect(
                try read(#"{"name":"n","\#(key)":[{"containerID":"c","ifname":"eth0"}]}"#).validAttachments() == [id]
            )
            #expect(try read(#"{"name":"n","\#(key)":[]}"#).validAttachments() == [])
        }
        #expect(try read(#"{"name":"n"}"#).validAttachments() == nil)
        #expect(throws: CNIError.self) {
            try read(#"{"name":"n","cni.dev/attachments":[{"containerID":"c"}]}"#).validAttachments()
        }
    }
}
