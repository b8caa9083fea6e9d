// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import NFTables
import Testing

@Suite struct Statements: ~Copyable {
    let namespace: NetworkNamespace
    let socket: NFTablesSocket
    let table = Table(.inet, "trial")

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try NFTablesSocket.open(in: namespace)
        self.namespace = namespace
        self.socket = socket
    }

    static let addressMap = NamedSet(
        "targets4",
        in: Table(.inet, "trial"),
        key: [.transportProtocol, .port],
        value: .fields([.address(.v4), .port])
    )
    static let addressMap6 = NamedSet(
        "targets6",
        in: Table(.inet, "trial"),
        key: [.address(.v6), .transportProtocol, .port],
        value: .fields([.address(.v6), .port])
    )
    static let verdictMap = NamedSet(
        "owners",
        in: Table(.inet, "trial"),
        key: [.interfaceName, .address(.v4)],
        value: .verdict
    )
    static let interfaces = NamedSet("interfaces", in: Table(.inet, "trial"), key: [.interfaceName])
    static let everything = prefix("0.0.0.0/0")

    static let filterRules: [([Statement], String)] = [
        ([.family(.v4), .verdict(.accept)], "meta nfproto ipv4 accept"),
        ([.source(prefix("10.1.2.0/24")), .verdict(.drop)], "ip saddr 10.1.2.0/24 drop"),
        ([.source(prefix("10.1.2.3/32")), .verdict(.return)], "ip saddr 10.1.2.3 return"),
        ([.source(prefix("10.1.2.0/23"), isInverted: true), .verdict(.drop)], "ip saddr != 10.1.2.0/23 drop"),
        ([.destination(prefix("10.0.0.0/9")), .verdict(.drop)], "ip daddr 10.0.0.0/9 drop"),
        ([.destination(prefix("fd00:1::/64")), .verdict(.drop)], "ip6 daddr fd00:1::/64 drop"),
        ([.source(prefix("fd00:1::/61"), isInverted: true), .verdict(.drop)], "ip6 saddr != fd00:1::/61 drop"),
        ([.source(everything), .verdict(.drop)], "meta nfproto ipv4 drop"),
        ([.inputInterface(.named("eth0")), .verdict(.accept)], "iifname \"eth0\" accept"),
        ([.inputInterface(.beginning(with: "eth")), .verdict(.accept)], "iifname \"eth*\" accept"),
        (
            [.outputInterface(.named("cni0"), isInverted: true), .verdict(.accept)], "oifname != \"cni0\" accept"
        ),
        ([.belongsToConnection, .verdict(.accept)], "ct state established,related accept"),
        ([.hasTranslatedDestination, .verdict(.accept)], "ct status dnat accept"),
        ([.mark(hasBit: 0x2000), .verdict(.accept)], "meta mark & 0x00002000 == 0x00002000 accept"),
        ([.setMark(bit: 0x2000)], "meta mark set meta mark | 0x00002000"),
        ([.member([.inputInterface], of: interfaces), .verdict(.drop)], "iifname @interfaces drop"),
        ([.verdict(of: [.inputInterface, .source(.v4)], in: verdictMap)], "iifname . ip saddr vmap @owners"),
        ([.verdict(.jump("elsewhere"))], "jump elsewhere"),
        ([.verdict(.goto("elsewhere"))], "goto elsewhere"),
        ([.counter, .verdict(.continue)], "counter packets 0 bytes 0 continue"),
    ]

    @Test(arguments: filterRules) func `a rule reads back as intended`(rule: (statements: [Statement], text: String))
        throws
    {
        try build(.init(.filter, .forward, priority: ChainPriority.filter), rule.statements)
        #expect(try rules() == [rule.text])
    }

    static let translationRules: [(Chain.Attachment.Hook, [Statement], String)] = [
        (.prerouting, [.destinationIsLocal, .verdict(.jump("elsewhere"))], "fib daddr type local jump elsewhere"),
        (
            .prerouting, [.destinationNAT(.v4, to: [.transportProtocol, .destinationPort], in: addressMap)],
            "dnat ip to meta l4proto . th dport map @targets4"
        ),
        (
            .output,
            [.destinationNAT(.v6, to: [.destination(.v6), .transportProtocol, .destinationPort], in: addressMap6)],
            "dnat ip6 to ip6 daddr . meta l4proto . th dport map @targets6"
        ), (.postrouting, [.masquerade()], "masquerade"),
        (.postrouting, [.masquerade([.random, .persistent])], "masquerade random,persistent"),
        (.postrouting, [.masquerade(.fullyRandom)], "masquerade fully-random"),
    ]

    @Test(arguments: translationRules) func `a translation reads back as intended`(
        rule: (hook: Chain.Attachment.Hook, statements: [Statement], text: String)
    ) throws {
        try build(.init(.nat, rule.hook, priority: ChainPriority.destinationNAT), rule.statements)
        #expect(try rules() == [rule.text])
    }

    @Test func `frames are told by port and hardware address`() throws {
        let table = Table(.bridge, "trial")
        let ports = NamedSet("ports", in: table, key: [.interfaceName], value: .verdict)
        let allowed = NamedSet("allowed", in: table, key: [.interfaceName, .hardwareAddress])
        var transaction = Transaction()
        try transaction.add(table)
        try transaction.add(allowed)
        try transaction.add(ports)
        try transaction.add(
            Chain("guard", at: .init(.filter, .prerouting, priority: ChainPriority.bridgeDestinationNAT)),
            to: table
        )
        let rule = Rule([
            .member([.inputInterface, .sourceHardwareAddress], of: allowed), .verdict(.return),
        ])
        try transaction.add(rule, to: "guard", of: table)
        try transaction.add(
            [
                SetElement(
                    [.interface("veth0"), .hardwareAddress(try #require(MACAddress("02:00:00:00:00:01")))],
                    comment: "mine"
                )
            ],
            to: allowed
        )
        try transaction.add([SetElement([.interface("veth1")], value: .verdict(.drop))], to: ports)
        #expect(try socket.commit(transaction) == .committed)
        let text = try Command.run("nft", "list", "ruleset", in: namespace)
        #expect(text.contains("iifname . ether saddr @allowed return"))
        #expect(text.contains("type filter hook prerouting priority dstnat; policy accept;"))
        #expect(text.contains("elements = { \"veth0\" . 02:00:00:00:00:01 comment \"mine\" }"))
        #expect(text.contains("elements = { \"veth1\" : drop }"))
    }

    private borrowing func build(_ attachment: Chain.Attachment, _ statements: [Statement]) throws {
        var transaction = Transaction()
        try transaction.add(table)
        for set in [Self.addressMap, Self.addressMap6, Self.verdictMap, Self.interfaces] { try transaction.add(set) }
        try transaction.add(Chain("elsewhere"), to: table)
        try transaction.add(Chain("trial", at: attachment), to: table)
        try transaction.add(Rule(statements), to: "trial", of: table)
        #expect(try socket.commit(transaction) == .committed)
    }

    /// The rules of the chain as nft prints them.
    private borrowing func rules() throws -> [String] {
        let lines = try Command.run("nft", "list", "chain", "inet", "trial", "trial", in: namespace)
            .split(separator: "\n")
        return lines.dropFirst(3).dropLast(2).map { String($0.drop { $0 == "\t" }) }
    }
}

/// A prefix written in a test.
func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("\(text) is no prefix") }
    return prefix
}
