// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Testing

@testable import Netlink

@Suite struct Replies {
    /// Requests whose answers are expected with the sequence numbers from 100 on, for port 7.
    func collector(_ count: Int = 1, _ completion: ReplyCollector.Completion = .acknowledgements) throws
        -> ReplyCollector
    {
        var requests: [NetlinkRequest] = []
        for number in 0..<count {
            requests.append(try NetlinkRequest("request \(number)", purpose: .addRoute, type: 24, flags: []) { _ in })
        }
        return ReplyCollector(requests: requests, firstSequence: 100, port: 7, completion: completion)
    }

    /// Plays a datagram and returns the types of the messages that carry data.
    @discardableResult
    func play(
        _ collector: inout ReplyCollector,
        _ build: (inout Datagram) -> Void
    ) throws(NetlinkError) -> [Int] {
        var datagram = Datagram()
        build(&datagram)
        var types: [Int] = []
        try collector.read(datagram.bytes.span.bytes) { (type, _) throws(NetlinkError) in types.append(type) }
        return types
    }

    @Test func `an acknowledgement completes a request`() throws {
        var collector = try collector()
        #expect(!collector.isComplete)
        try play(&collector) { $0.answer(0, sequence: 100) }
        #expect(collector.isComplete)
        #expect(collector.outcomes == [nil])
    }

    @Test func `an error in a batch belongs to its own message, in any order`() throws {
        var collector = try collector(3)
        try play(&collector) {
            $0.answer(0, sequence: 102)
            $0.answer(-17, sequence: 101)
        }
        #expect(!collector.isComplete)
        try play(&collector) { $0.answer(0, sequence: 100) }
        #expect(collector.isComplete)
        #expect(collector.outcomes.map { $0?.number } == [nil, .exists, nil])
        #expect(collector.outcomes[1]?.operation == "request 1")
    }

    @Test func `of a series the answer to the last ends the wait, and errors of others belong to them`() throws {
        var collector = try collector(4, .last)
        try play(&collector) {
            $0.answer(-17, sequence: 101)
            $0.answer(-2, sequence: 102)
        }
        #expect(!collector.isComplete)
        try play(&collector) { $0.answer(0, sequence: 103) }
        #expect(collector.isComplete)
        #expect(collector.outcomes.map { $0?.number } == [nil, .exists, .noSuchFile, nil])
    }

    @Test func `an answer that is doubled does not stand for another one`() throws {
        var collector = try collector(2)
        try play(&collector) {
            $0.answer(0, sequence: 100)
            $0.answer(0, sequence: 100)
        }
        #expect(!collector.isComplete)
    }

    @Test(arguments: [UInt32(99), 1, 0, .max])
    func `what an earlier exchange left unread answers nothing and is in nobody's way`(sequence: UInt32) throws {
        var collector = try collector(1)
        try play(&collector) { $0.answer(-17, sequence: sequence) }
        #expect(!collector.isComplete)
        try play(&collector) { $0.answer(0, sequence: 100) }
        #expect(collector.isComplete)
        #expect(collector.outcomes == [nil])
    }

    @Test(arguments: [UInt32(102), 103, 0x7000_0000])
    func `a sequence number that was not sent is an error`(sequence: UInt32) throws {
        var collector = try collector(2)
        let error = try #require(throws: NetlinkError.self) {
            try play(&collector) { $0.answer(0, sequence: sequence) }
        }
        #expect(error.code == .wrongSequence)
        #expect(error.description.contains("message \(sequence)"))
        #expect(error.description.contains("100 to 101"))
    }

    @Test func `an answer to another port is an error`() throws {
        var collector = try collector()
        let error = try #require(throws: NetlinkError.self) {
            try play(&collector) { $0.message(type: 16, sequence: 100, port: 8) }
        }
        #expect(error.code == .wrongSequence)
    }

    @Test func `sequence numbers may pass their highest value`() throws {
        let request = try NetlinkRequest("request", type: 24, flags: []) { _ in }
        var collector = ReplyCollector(
            requests: [request, request],
            firstSequence: .max,
            port: 7,
            completion: .acknowledgements
        )
        try play(&collector) {
            $0.answer(0, sequence: .max)
            $0.answer(0, sequence: 0)
        }
        #expect(collector.isComplete)
    }

    @Test(arguments: [false, true])
    func `sentence and offset of an extended acknowledgement reach the error`(isCapped: Bool) throws {
        let extended = attribute(1, Array("Nexthop has invalid gateway\0".utf8)) + attribute(2, octets(UInt32(44)))
        var collector = try collector()
        try play(&collector) {
            $0.answer(-101, sequence: 100, extended: extended, isCapped: isCapped, request: [1, 2, 3, 4, 5])
        }
        let error = try #require(collector.outcomes[0])
        #expect(error.kernelMessage == "Nexthop has invalid gateway")
        #expect(error.attributeOffset == 44)
        #expect(error.description == "request 0: ENETUNREACH (Network is unreachable): Nexthop has invalid gateway")
    }

    @Test func `an extended acknowledgement behind a whole refused message is found`() throws {
        let extended = attribute(1, Array("Because\0".utf8))
        var collector = try collector()
        try play(&collector) {
            $0.answer(-22, sequence: 100, extended: extended, isCapped: false, request: [1, 2, 3, 4, 5, 6, 7, 8])
        }
        #expect(collector.outcomes[0]?.kernelMessage == "Because")
    }

    @Test func `without a sentence from the kernel the usual cause is named`() throws {
        var collector = try collector()
        try play(&collector) { $0.answer(-101, sequence: 100) }
        #expect(
            collector.outcomes[0]?.description
                == "request 0: ENETUNREACH (Network is unreachable); the gateway is not in a subnet of the interface: "
                + "add such an address first, or make the route onlink"
        )
    }

    @Test func `a dump ends with DONE, and its error is an error`() throws {
        var whole = try collector(1, .dump)
        let types = try play(&whole) {
            $0.message(type: 16, flags: 2, sequence: 100)
            $0.message(type: 16, flags: 2, sequence: 100)
        }
        #expect(types == [16, 16])
        #expect(!whole.isComplete)
        try play(&whole) { $0.message(type: 3, flags: 2, sequence: 100, octets(Int32(0))) }
        #expect(whole.isComplete)
        #expect(whole.outcomes == [nil])

        var failed = try collector(1, .dump)
        let extended = attribute(1, Array("FIB table does not exist\0".utf8))
        try play(&failed) { $0.message(type: 3, flags: 0x202, sequence: 100, octets(Int32(-2)) + extended) }
        #expect(failed.outcomes[0]?.number == .noSuchFile)
        #expect(failed.outcomes[0]?.kernelMessage == "FIB table does not exist")

        var short = try collector(1, .dump)
        try play(&short) { $0.message(type: 3, flags: 2, sequence: 100) }
        #expect(short.isComplete)
    }

    @Test func `an interrupted dump is noticed in a data message and in DONE`() throws {
        var inData = try collector(1, .dump)
        try play(&inData) {
            $0.message(type: 16, flags: 0x12, sequence: 100)
            $0.message(type: 3, flags: 2, sequence: 100, octets(Int32(0)))
        }
        #expect(inData.isInterrupted)
        var inDone = try collector(1, .dump)
        try play(&inDone) { $0.message(type: 3, flags: 0x12, sequence: 100, octets(Int32(0))) }
        #expect(inDone.isInterrupted)
    }

    @Test func `a look-up ends with its first message, or with an error`() throws {
        var found = try collector(1, .singleReply)
        #expect(try play(&found) { $0.message(type: 16, sequence: 100) } == [16])
        #expect(found.isComplete)
        var missing = try collector(1, .singleReply)
        try play(&missing) { $0.answer(-19, sequence: 100) }
        #expect(missing.outcomes[0]?.number == .noSuchDevice)
    }

    @Test func `a fault in reading an entry is kept until all answers are there`() throws {
        var collector = try collector(1, .dump)
        var datagram = Datagram()
        for _ in 0..<3 { datagram.message(type: 16, flags: 2, sequence: 100) }
        var count = 0
        try collector.read(datagram.bytes.span.bytes) { (_, _) throws(NetlinkError) in
            count += 1
            throw .malformed("an entry \(count)")
        }
        #expect(count == 1)
        #expect(!collector.isComplete)
        #expect(collector.readingFault?.detail == "an entry 1")
        #expect(collector.readingFault?.operation == "request 0")
    }

    @Test func `messages that say nothing are passed over, and an overrun is an error`() throws {
        var collector = try collector()
        #expect(try play(&collector) { $0.message(type: 1, sequence: 55) }.isEmpty)
        let error = try #require(throws: NetlinkError.self) {
            try play(&collector) { $0.message(type: 4, sequence: 100) }
        }
        #expect(error.code == .messagesLost)
    }

    @Test(arguments: [UInt32(0), 15, 17, 4096, .max])
    func `a message whose length cannot be is an error`(length: UInt32) throws {
        var collector = try collector()
        let error = try #require(throws: NetlinkError.self) {
            try play(&collector) { $0.message(type: 16, sequence: 100, length: length) }
        }
        #expect(error.code == (length < 16 ? .malformed : .truncated))
    }

    @Test func `a datagram that ends inside a header or inside an error is an error`() throws {
        var collector = try collector()
        let stub: [UInt8] = [16, 0, 0, 0, 2, 0]
        let error = try #require(throws: NetlinkError.self) {
            try collector.read(stub.span.bytes) { (_, _) throws(NetlinkError) in }
        }
        #expect(error.code == .truncated)
        #expect(throws: NetlinkError.self) {
            try play(&collector) { $0.message(type: 2, sequence: 100, [1, 0]) }
        }
    }

    @Test func `random datagrams are judged or refused, and never crash`() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var collector = try collector(2, .dump)
            var datagram = Datagram()
            let payload = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...20, using: &generator) }
            datagram.message(
                type: UInt16.random(in: 0...5),
                flags: UInt16.random(in: 0...0x3ff),
                sequence: UInt32.random(in: 99...102),
                length: Bool.random() ? nil : UInt32.random(in: 0...60),
                payload
            )
            try? collector.read(datagram.bytes.span.bytes) { (_, _) throws(NetlinkError) in }
        }
    }
}
