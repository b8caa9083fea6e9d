// swift-cni, SPDX-License-Identifier: Apache-2.0

import ForeignForwarding
import IPAddresses
import LinuxTesting
import NFTables
import Overlay
import Testing

@Suite struct `Rules beside the firewall plugin's` {
    /// What the plugin does to FORWARD when it attaches a container.
    private func attach(_ host: RuleHost, markBit: UInt32 = 0x1000) throws {
        let socket = try NFTablesSocket.open(in: host.namespace)
        let acceptance = ForwardAcceptance(
            user: "CNI firewall plugin",
            markBit: markBit,
            adminChain: "CNI-ADMIN",
            place: .first,
            isOnly: false
        )
        for family in AddressFamily.allCases {
            var transaction = Transaction()
            try ForeignForwardChain.read(family, socket).appendMissing(acceptance, socket, to: &transaction)
            #expect(try socket.commit(transaction) == .committed)
        }
    }

    /// What it does when the last container goes.
    private func detach(_ host: RuleHost) throws {
        let socket = try NFTablesSocket.open(in: host.namespace)
        for family in AddressFamily.allCases {
            var transaction = Transaction()
            try ForeignForwardChain.read(family, socket)
                .appendRemoval(of: "CNI firewall plugin", socket, to: &transaction)
            #expect(try socket.commit(transaction) == .committed)
        }
    }

    private func chain(_ host: RuleHost) throws -> [String] {
        try host.script("iptables -S CNI-FORWARD").split(separator: "\n").dropFirst().map { line in
            line.split(separator: "\"").dropFirst().first.map(String.init) ?? String(line)
        }
    }

    @Test(arguments: [true, false])
    func `share its chain, whoever comes first and whoever goes first`(isPluginFirst: Bool) throws {
        for pluginGoesFirst in [true, false] {
            let host = try RuleHost()
            try host.dropForwarded()
            let before = try host.script("iptables -S; ip6tables -S")
            if isPluginFirst {
                try attach(host)
                try host.run()
            } else {
                try host.run()
                try attach(host)
            }
            #expect(
                Set(try chain(host)) == [
                    "CNI firewall plugin admin overrides", "CNI firewall plugin mark 0x1000",
                    "flanneld forward mark 0x1000",
                ]
            )
            #expect(try chain(host).first == "CNI firewall plugin admin overrides")
            #expect(try host.script("iptables -S FORWARD").split(separator: "\n").count == 2)
            #expect(try host.run().isUnchanged)
            let generation = try host.generation()
            try attach(host)
            #expect(try host.generation() == generation)
            if pluginGoesFirst {
                try detach(host)
                #expect(try chain(host).contains("flanneld forward mark 0x1000"))
                #expect(try host.run().isUnchanged)
                #expect(try host.keeper.remove().repairs[.forwardAcceptanceRemoved] == 2)
            } else {
                #expect(try host.keeper.remove().repairs[.forwardAcceptanceRemoved] == 2)
                #expect(
                    try chain(host) == ["CNI firewall plugin admin overrides", "CNI firewall plugin mark 0x1000"]
                )
                try detach(host)
            }
            #expect(try host.script("iptables -S; ip6tables -S") == before)
        }
    }

    @Test func `leave its bits and an administrator's rules alone`() throws {
        let host = try RuleHost()
        try host.dropForwarded()
        try attach(host)
        try attach(host, markBit: 0x10)
        try host.script("iptables -A CNI-ADMIN -s 192.0.2.9 -j DROP")
        let before = try host.script("iptables -S; ip6tables -S")
        try host.run()
        #expect(try host.script("iptables -S; ip6tables -S") != before)
        _ = try host.keeper.remove()
        #expect(try host.script("iptables -S; ip6tables -S") == before)
        try host.run()
        try detach(host)
        _ = try host.keeper.remove()
        let rest = try host.script("iptables -S").split(separator: "\n")
        #expect(rest.filter { $0.contains("CNI-") } == ["-N CNI-ADMIN", "-A CNI-ADMIN -s 192.0.2.9/32 -j DROP"])
    }
}
