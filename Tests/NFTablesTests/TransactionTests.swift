// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import LinuxTesting
import NFTables
import Netlink
import Testing

@Suite struct Transactions: ~Copyable {
    let namespace: NetworkNamespace
    let socket: NFTablesSocket
    let table = Table(.inet, "trial")
    let ports = NamedSet("ports", in: Table(.inet, "trial"), key: [.transportProtocol, .port], value: .verdict)

    init() throws {
        let namespace = try NetworkNamespace.temporary()
        let socket = try NFTablesSocket.open(in: namespace)
        var transaction = Transaction()
        try transaction.add(table)
        try transaction.add(Chain("network", comment: "of a network"), to: table)
        try transaction.add(Rule([.verdict(.accept)], comment: "open"), to: "network", of: table)
        try transaction.add(ports)
        #expect(try socket.commit(transaction) == .committed)
        self.namespace = namespace
        self.socket = socket
    }

    private borrowing func element(_ port: UInt16, _ comment: String = "") -> SetElement {
        SetElement(
            [.transportProtocol(6), .port(port)],
            value: .verdict(.jump("network")),
            comment: comment
        )
    }

    private borrowing func add(_ elements: [SetElement], exclusive: Bool = true) throws -> NFTablesSocket.Outcome {
        var transaction = Transaction()
        try transaction.add(elements, to: ports, exclusive: exclusive)
        return try socket.commit(transaction)
    }

    @Test func `an element is found by its key with its verdict and remark, and not after its deletion`() throws {
        #expect(try add([element(80, "mine")]) == .committed)
        #expect(try socket.element(element(80).key, of: ports) == element(80, "mine"))
        #expect(try socket.element(element(81).key, of: ports) == nil)
        #expect(try socket.elements(of: ports) == [element(80, "mine")])
        var transaction = Transaction()
        try transaction.delete([element(80)], from: ports)
        #expect(try socket.commit(transaction) == .committed)
        #expect(try socket.elements(of: ports).isEmpty)
    }

    @Test func `a table lists its sets and maps as they were made, and nobody else's`() throws {
        let sets = [
            ports, NamedSet("names", in: table, key: [.interfaceName]),
            NamedSet("targets", in: table, key: [.address(.v6), .port], value: .fields([.address(.v4), .port])),
            NamedSet("addresses", in: table, key: [.interfaceName, .hardwareAddress]),
        ]
        var transaction = Transaction()
        for set in sets.dropFirst() { try transaction.add(set) }
        try transaction.add(Table(.inet, "other"))
        try transaction.add(NamedSet("theirs", in: Table(.inet, "other"), key: [.port]))
        #expect(try socket.commit(transaction) == .committed)
        try namespace.run {
            Result { _ = try Command.run("nft", "add rule inet trial network tcp dport { 1, 2 } accept") }
        }.get()
        #expect(Set(try socket.sets(of: table)) == Set(sets))
        #expect(try socket.sets(of: Table(.ip6, "trial")).isEmpty)
    }

    @Test func `what does not exist has no elements, chains or rules`() throws {
        let missing = NamedSet("missing", in: table, key: [.port])
        let elsewhere = Table(.ip6, "missing")
        #expect(try socket.element([0, 80], of: missing) == nil)
        #expect(try socket.elements(of: missing).isEmpty)
        #expect(try socket.elements(of: NamedSet("missing", in: elsewhere, key: [.port])).isEmpty)
        #expect(try socket.chain("missing", of: table) == nil)
        #expect(try socket.chain("missing", of: elsewhere) == nil)
        #expect(try socket.rules(of: "missing", in: table).isEmpty)
        #expect(try socket.rules(of: "missing", in: elsewhere).isEmpty)
        #expect(try socket.chains(of: elsewhere).isEmpty)
    }

    @Test func `a second element of the same key is refused, its step named, and nothing of the transaction is done`()
        throws
    {
        #expect(try add([element(80, "first")]) == .committed)
        var transaction = Transaction()
        try transaction.add([element(81)], to: ports)
        let step = transaction.stepCount
        try transaction.add([element(80, "second")], to: ports)
        guard case .refused(let refusals) = try socket.commit(transaction) else {
            Issue.record("it was not refused")
            return
        }
        #expect(refusals.map(\.step) == [step])
        #expect(refusals.first?.error.number == .exists)
        #expect(refusals.first?.error.operation == "add element of inet trial ports")
        #expect(try socket.elements(of: ports) == [element(80, "first")])
    }

    @Test func `without exclusiveness the same element is accepted and keeps its remark`() throws {
        #expect(try add([element(80, "first")]) == .committed)
        #expect(try add([element(80, "second")], exclusive: false) == .committed)
        #expect(try socket.elements(of: ports).map(\.comment) == ["first"])
    }

    @Test func `a replacement in one transaction changes the remark`() throws {
        #expect(try add([element(80, "first")]) == .committed)
        var transaction = Transaction()
        try transaction.delete([element(80)], from: ports)
        try transaction.add([element(80, "second")], to: ports)
        #expect(try socket.commit(transaction) == .committed)
        #expect(try socket.elements(of: ports).map(\.comment) == ["second"])
    }

    @Test func `a transaction for a generation that has passed does nothing`() throws {
        let generation = try socket.generation()
        #expect(try add([element(80)]) == .committed)
        #expect(try socket.generation() != generation)
        var transaction = Transaction()
        try transaction.add([element(81)], to: ports)
        #expect(try socket.commit(transaction, ifGeneration: generation) == .outdated)
        #expect(try socket.elements(of: ports).count == 1)
        var again = Transaction()
        try again.add([element(81)], to: ports)
        #expect(try socket.commit(again, ifGeneration: try socket.generation()) == .committed)
    }

    @Test func `a chain counts what leads to it, and is deleted only when nothing does`() throws {
        #expect(try add([element(80), element(81)]) == .committed)
        let chain = try #require(try socket.chain("network", of: table))
        #expect(chain.useCount == 3 && chain.comment == "of a network" && !chain.isBase)
        var early = Transaction()
        try early.delete([element(80)], from: ports)
        try early.deleteChain("network", of: table)
        guard case .refused(let refusals) = try socket.commit(early) else {
            Issue.record("it was not refused")
            return
        }
        #expect(refusals.map(\.error.number) == [.busy])
        var late = Transaction()
        try late.delete([element(80), element(81)], from: ports)
        try late.deleteChain("network", of: table)
        #expect(try socket.commit(late) == .committed)
        #expect(try socket.chains(of: table).isEmpty)
    }

    @Test func `rules are listed in order with handles, remarks and targets, and go by their handles`() throws {
        var transaction = Transaction()
        try transaction.add(Chain("start"), to: table)
        try transaction.add(Rule([.verdict(.jump("network"))], comment: "second"), to: "start", of: table)
        try transaction.add(Rule([.counter], comment: "first"), to: "start", of: table, first: true)
        try transaction.add(Rule([.source(prefix("10.1.0.7/32")), .verdict(.accept)]), to: "start", of: table)
        #expect(try socket.commit(transaction) == .committed)
        let rules = try socket.rules(of: "start", in: table)
        #expect(rules.map(\.comment) == ["first", "second", ""])
        #expect(rules.map(\.targets) == [[], ["network"], []])
        #expect(rules[2].expressions.contains(.compare(Register(word: 0), isEqual: true, [10, 1, 0, 7])))
        var removal = Transaction()
        try removal.deleteRule(rules[1].handle, from: "start", of: table)
        #expect(try socket.commit(removal) == .committed)
        #expect(try socket.rules(of: "start", in: table).map(\.comment) == ["first", ""])
    }

    @Test func `ten thousand elements fit into one transaction`() throws {
        let elements = (1...10_000).map { element(UInt16($0), String(repeating: "x", count: 127)) }
        #expect(try add(elements) == .committed)
        // While a worker of the kernel enlarges the set, a listing of many parts has gaps.
        let deadline = Deadline.after(.seconds(30))
        while try Set(socket.elements(of: ports)) != Set(elements), deadline.remainingNanoseconds > 0 {}
        #expect(Set(try socket.elements(of: ports)) == Set(elements))
        guard case .refused(let refusals) = try add(elements) else {
            Issue.record("they were added twice")
            return
        }
        #expect(refusals.allSatisfy { $0.error.number == .exists })
        var removal = Transaction()
        try removal.delete(elements, from: ports)
        #expect(try socket.commit(removal) == .committed)
        #expect(try socket.elements(of: ports).isEmpty)
    }

    @Test func `the socket works on after a refused transaction, and an empty one does nothing`() throws {
        for _ in 0..<20 { _ = try add([element(80)]) }
        #expect(try socket.elements(of: ports).count == 1)
        let generation = try socket.generation()
        #expect(try socket.commit(Transaction()) == .committed)
        #expect(try socket.generation() == generation)
    }

    @Test func `a remark that is too long is cut off`() throws {
        #expect(try add([element(80, String(repeating: "y", count: 300))]) == .committed)
        #expect(try socket.elements(of: ports).first?.comment.utf8.count == 127)
    }
}
