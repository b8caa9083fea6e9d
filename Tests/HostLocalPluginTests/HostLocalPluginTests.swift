// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import CNIPlugin
import HostLocalPlugin
import JSON
import LinuxSystem
import LinuxTesting
import Testing

/// The plugin as a runtime drives it, in process.
@Suite struct HostLocalPluginTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    struct Answer {
        let status: Int32
        let text: String
        let document: JSONNode

        var code: Int64? { try? document["code"]?.integer() }
        var message: String { document["msg"]?.value.string ?? "" }
        var addresses: [String] {
            ((try? document["ips"]?.elements()) ?? []).compactMap { $0["address"]?.value.string }
        }
    }

    /// Runs a verb; `ipam` are members of the object without braces, `more` members of the configuration.
    @discardableResult
    func run(
        _ verb: String,
        _ container: String = "c1",
        ipam: String,
        more: String = "",
        version: String = "1.1.0",
        arguments: String = ""
    ) -> Answer {
        let configuration = """
            {"cniVersion":"\(version)","name":"net","type":"bridge"\(more),
             "ipam":{"type":"host-local","dataDir":"\(directory.path)"\(ipam.isEmpty ? "" : ",\(ipam)")}}
            """
        let input = ProcessInput(
            environment: [
                "CNI_COMMAND=\(verb)", "CNI_CONTAINERID=\(container)", "CNI_IFNAME=eth0",
                "CNI_NETNS=/run/netns/none", "CNI_PATH=/opt/cni/bin", "CNI_ARGS=\(arguments)",
            ]
        ) { _ in Array(configuration.utf8) }
        let output = PluginProcess.run(HostLocalPlugin.self, input)
        let document = (try? JSONValue(parsing: output.standardOutput)) ?? .null
        return Answer(
            status: output.status,
            text: String(decoding: output.standardOutput, as: UTF8.self),
            document: JSONNode(document)
        )
    }

    @Test func `a dual-stack result has addresses, gateways, routes and DNS in order`() throws {
        let resolver = directory.appending("resolv.conf")
        try File.create(
            resolver,
            with: Array(
                """
                # comment
                ; comment
                nameserver 10.0.0.1
                nameserver\tfd00::53
                domain old.example
                domain example.org
                search a.example b.example
                search c.example
                options ndots:2 edns0
                options
                sortlist 10.0.0.0
                """.utf8
            )
        )
        let answer = run(
            "ADD",
            ipam: """
                "ranges":[[{"subnet":"10.1.2.0/24","gateway":"10.1.2.254"}],[{"subnet":"fd00::/64"}]],
                "routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0","gw":"fd00::9","mtu":1400}],"resolvConf":"\(resolver)"
                """
        )
        let expected: JSONValue = [
            "cniVersion": "1.1.0",
            "ips": [
                ["address": "10.1.2.1/24", "gateway": "10.1.2.254"],
                ["address": "fd00::2/64", "gateway": "fd00::1"],
            ],
            "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0", "gw": "fd00::9", "mtu": 1400]],
            "dns": [
                "nameservers": ["10.0.0.1", "fd00::53"], "domain": "example.org",
                "search": ["a.example", "b.example", "c.example"], "options": ["ndots:2", "edns0"],
            ],
        ]
        #expect(answer.document.value == expected, "\(answer.text)")
        #expect(answer.status == 0)
    }

    @Test(arguments: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    func `each version gets its own result, and DEL prints nothing`(version: String) {
        let ipam = #""subnet":"10.1.2.0/24","ranges":[[{"subnet":"fd00::/64"}]]"#
        let answer = run("ADD", ipam: ipam, version: version)
        #expect(answer.status == 0)
        #expect(answer.document["cniVersion"]?.value.string == version)
        if version < "0.3.0" {
            #expect(answer.document["ip4"]?["ip"]?.value == "10.1.2.2/24")
            #expect(answer.document["ip6"]?["ip"]?.value == "fd00::2/64")
        } else {
            #expect(answer.addresses == ["10.1.2.2/24", "fd00::2/64"])
        }
        let removal = run("DEL", ipam: ipam, version: version)
        #expect(removal.status == 0)
        #expect(removal.text == "")
        #expect(!File.isRegular(directory.appending("net/10.1.2.2")))
    }

    @Test func `old results have room for one address a family`() {
        let ipam = #""ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.1.3.0/24"}]]"#
        let answer = run("ADD", ipam: ipam, version: "0.2.0")
        #expect(answer.code == 7)
        #expect(answer.message.contains("does not support more than 1 address per family"))
        #expect(run("ADD", ipam: ipam, version: "0.3.0").addresses == ["10.1.2.2/24", "10.1.3.2/24"])
    }

    @Test func `the runtime's ranges come first, then the one in ipam, then the list`() throws {
        let answer = run(
            "ADD",
            ipam: #""subnet":"10.2.0.0/24","ranges":[[{"subnet":"10.3.0.0/24"}]]"#,
            more: #","runtimeConfig":{"ipRanges":[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.40"}]]}"#
        )
        #expect(answer.addresses == ["10.1.0.40/24", "10.2.0.2/24", "10.3.0.2/24"])
        #expect(try File.contents(of: directory.appending("net/last_reserved_ip.0")) == Array("10.1.0.40".utf8))
    }

    @Test(arguments: [
        ("", "ipam: no IP ranges specified"),
        (#""ranges":[]"#, "ipam: no IP ranges specified"),
        (#""ranges":[[]]"#, "ipam.ranges[0]: is an empty range set"),
        (#""ranges":[{"subnet":"10.1.2.0/24"}]"#, "ipam.ranges[0]: is an object"),
        (#""ranges":[[{"rangeStart":"10.1.2.4"}]]"#, "ipam.ranges[0][0].subnet: is required"),
        (#""subnet":"10.1.2.0""#, "ipam.subnet: is \"10.1.2.0\", must be an address with a prefix length"),
        (#""subnet":"10.1.2.9/24""#, "ipam.subnet: 10.1.2.9/24 has bits set"),
        (#""subnet":"10.1.2.0/24","rangeEnd":"10.1.2.255""#, "ipam.rangeEnd: 10.1.2.255 is the broadcast"),
        (#""subnet":"10.1.2.0/24","gateway":"fd00::1""#, "ipam.gateway: fd00::1 is an IPv6 address"),
        (
            #""subnet":"10.1.2.0/24","ranges":[[{"subnet":"10.1.0.0/16"}]]"#,
            "ipam.ranges[0]: range 10.1.0.1-10.1.255.254 overlaps 10.1.2.1-10.1.2.254 of ipam"
        ),
        (
            #""ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"fd00::/64"}]]"#,
            "ipam.ranges[0]: holds 10.1.2.0/24 and fd00::/64, must be of one family"
        ),
        (#""subnet":"10.1.2.0/24","exclude":["10.1.2"]"#, "ipam.exclude[0]: is \"10.1.2\""),
        (#""subnet":"10.1.2.0/24","exclude":"10.1.2.3""#, "ipam.exclude: is a string"),
        (#""subnet":"10.1.2.0/24","routes":[{"gw":"10.1.2.1"}]"#, "ipam.routes[0].dst: is required"),
        (#""subnet":7"#, "ipam.subnet: is a number"),
    ])
    func `a bad configuration is code 7, names the place, and reserves nothing`(ipam: String, complaint: String) {
        let answer = run("ADD", ipam: ipam)
        #expect(answer.status == 1)
        #expect(answer.code == 7)
        #expect(answer.message.contains(complaint), "\(answer.message)")
        #expect(!Directory.exists(directory.appending("net")))
        #expect(run("STATUS", ipam: ipam).code == (ipam.contains("routes") ? nil : 7))
    }

    @Test func `DEL and GC work with a configuration that does not validate any more`() throws {
        let valid = #""subnet":"10.1.2.0/24""#
        for name in ["c1", "c2", "c3"] { run("ADD", name, ipam: valid) }
        let broken = #""subnet":"10.1.2.0/33","ranges":"none","routes":7"#
        #expect(run("DEL", "c1", ipam: broken).text == "")
        #expect(!File.isRegular(directory.appending("net/10.1.2.2")))
        let list = #","cni.dev/valid-attachments":[{"containerID":"c3","ifname":"eth0"}]"#
        #expect(run("GC", ipam: broken, more: list).text == "")
        #expect(!File.isRegular(directory.appending("net/10.1.2.3")))
        #expect(File.isRegular(directory.appending("net/10.1.2.4")))
        #expect(run("GC", ipam: valid).code == 7)
        #expect(File.isRegular(directory.appending("net/10.1.2.4")))
    }

    @Test(arguments: ["relative", "../up"])
    func `a relative dataDir is refused`(path: String) {
        let answer = run("ADD", ipam: #""subnet":"10.1.2.0/24","dataDir":"\#(path)""#)
        #expect(answer.code == 7)
        #expect(answer.message.contains("ipam.dataDir: \"\(path)\""))
    }

    @Test func `an unreadable resolvConf fails before anything is reserved`() {
        let answer = run("ADD", ipam: #""subnet":"10.1.2.0/24","resolvConf":"/nowhere/resolv.conf""#)
        #expect(answer.code == 5)
        #expect(answer.message.contains("ipam.resolvConf: /nowhere/resolv.conf"))
        #expect(!Directory.exists(directory.appending("net")))
    }

    @Test func `requests of all three sources add up, prefix lengths mean nothing`() {
        let ipam = #""ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.1.3.0/24"}],[{"subnet":"fd00::/64"}]]"#
        let more = #","args":{"cni":{"ips":["10.1.3.33"]}},"runtimeConfig":{"ips":["fd00::33/64","10.1.3.33/8"]}"#
        let answer = run("ADD", ipam: ipam, more: more, arguments: "IgnoreUnknown=1;IP=10.1.2.33/16;K8S=x")
        #expect(answer.addresses == ["10.1.2.33/24", "10.1.3.33/24", "fd00::33/64"])
        let second = run("ADD", "c2", ipam: ipam, more: more)
        #expect(second.code == 101)
        #expect(second.message.contains("interface eth0 of container c1 holds it"))
        #expect(run("ADD", "c2", ipam: ipam, arguments: "IP=nonsense").code == 4)
        #expect(
            run("ADD", "c2", ipam: ipam, more: #","args":{"cni":{"ips":["x"]}}"#).message.contains("args.cni.ips[0]")
        )
        #expect(run("ADD", "c2", ipam: ipam, arguments: "IP=192.168.1.1").code == 101)
    }

    @Test func `exclude counts for all ranges when it stands in ipam, for one inside it`() {
        let ipam = """
            "exclude":["10.1.2.2","10.1.3.0/30"],
            "ranges":[[{"subnet":"10.1.2.0/24","exclude":["10.1.2.3"]}],[{"subnet":"10.1.3.0/24"}]]
            """
        #expect(run("ADD", ipam: ipam).addresses == ["10.1.2.4/24", "10.1.3.4/24"])
    }

    @Test func `CHECK compares the reservation with the previous result`() {
        let ipam = #""subnet":"10.1.2.0/24""#
        func check(_ addresses: [String]?) -> Answer {
            let ips = (addresses ?? []).map { #"{"address":"\#($0)"}"# }.joined(separator: ",")
            let previous = addresses == nil ? "" : #","prevResult":{"cniVersion":"1.1.0","ips":[\#(ips)]}"#
            return run("CHECK", ipam: ipam, more: previous)
        }
        #expect(check(nil).code == 103)
        run("ADD", ipam: ipam)
        #expect(check(nil).text == "")
        #expect(check(["10.1.2.2/24"]).text == "")
        #expect(check(["10.1.2.2/24", "172.16.0.9/24"]).text == "")
        #expect(check(["10.1.2.3/24"]).message.contains("10.1.2.3 of prevResult is not reserved"))
        #expect(check([]).message.contains("10.1.2.2 is reserved for c1/eth0 but not in prevResult"))
        run("DEL", ipam: ipam)
        #expect(check(["10.1.2.2/24"]).code == 103)
    }

    @Test func `STATUS is 50 when a set is full, or when nothing can be written`() throws {
        let ipam = #""subnet":"10.1.2.0/30""#
        #expect(run("STATUS", ipam: ipam).text == "")
        run("ADD", ipam: ipam)
        let full = run("STATUS", ipam: ipam)
        #expect(full.code == 50)
        #expect(full.message.contains("all 1 are reserved"))
        #expect(run("ADD", "c2", ipam: ipam).code == 101)
        run("DEL", ipam: ipam)
        #expect(run("STATUS", ipam: ipam).text == "")
        let file = directory.appending("file")
        try File.create(file, with: [])
        #expect(run("STATUS", ipam: #""subnet":"10.1.2.0/30","dataDir":"\#(file)""#).code == 50)
    }

    @Test func `a second ADD is code 102 and leaves the first alone`() {
        let ipam = #""subnet":"10.1.2.0/24""#
        run("ADD", ipam: ipam)
        let answer = run("ADD", ipam: ipam)
        #expect(answer.code == 102)
        #expect(answer.message.contains("duplicate allocation is not allowed"))
        #expect(File.isRegular(directory.appending("net/10.1.2.2")))
    }

    @Test func `keys are read in any case`() {
        #expect(
            run("ADD", ipam: #""RANGES":[[{"Subnet":"10.1.2.0/24","RangeStart":"10.1.2.7"}]]"#).addresses == [
                "10.1.2.7/24"
            ]
        )
    }
}
