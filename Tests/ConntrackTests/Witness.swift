// swift-cni, SPDX-License-Identifier: Apache-2.0

import Conntrack
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// A flow as `conntrack -L` tells it.
struct WitnessedFlow: Hashable {
    let id: UInt32
    let transport: UInt8
    /// Source, source port, destination, destination port; the ports of ICMP are empty.
    let original: [String]
    let reply: [String]

    /// The flows of a namespace.
    static func all(in namespace: borrowing NetworkNamespace) throws -> Set<WitnessedFlow> {
        let text = try Command.run("conntrack", "-L", "-o", "id", in: namespace)
        return Set(try text.split(separator: "\n").map { try WitnessedFlow(line: $0) })
    }

    /// "udp 17 599 src=… dst=… sport=… dport=… [UNREPLIED] src=… dst=… sport=… dport=… mark=0 use=1 id=…".
    private init(line: Substring) throws {
        let words = line.split(separator: " ")
        func values(_ key: String) -> [String] {
            words.filter { $0.hasPrefix(key + "=") }.map { String($0.dropFirst(key.count + 1)) }
        }
        let (sources, destinations) = (values("src"), values("dst"))
        let (sourcePorts, destinationPorts) = (values("sport"), values("dport"))
        try #require(sources.count == 2 && destinations.count == 2 && sourcePorts.count == destinationPorts.count)
        func tuple(_ index: Int) -> [String] {
            [
                sources[index], sourcePorts.isEmpty ? "" : sourcePorts[index],
                destinations[index], destinationPorts.isEmpty ? "" : destinationPorts[index],
            ]
        }
        // That of an ICMP message comes before.
        id = try #require(values("id").last.flatMap { UInt32($0) })
        transport = try #require(UInt8(words[1]))
        original = tuple(0)
        reply = tuple(1)
    }

    /// The same of a flow that we have read.
    init(_ flow: Flow) {
        func tuple(_ tuple: FlowTuple) -> [String] {
            [
                "\(tuple.source)", tuple.sourcePort.map { "\($0)" } ?? "",
                "\(tuple.destination)", tuple.destinationPort.map { "\($0)" } ?? "",
            ]
        }
        id = flow.id
        transport = flow.original.transport.rawValue
        original = tuple(flow.original)
        reply = tuple(flow.reply)
    }
}

/// Makes flows without packets.
enum MadeFlows {
    /// Has `conntrack` add flows, each the words of one `conntrack -I`.
    static func add(_ flows: [String], in namespace: borrowing NetworkNamespace) throws {
        let input = flows.map { "-A -t 600 \($0)\n" }.joined()
        _ = try namespace.run { Result { try Command.run(["conntrack", "-R", "-"], input: input) } }.get()
    }

    /// A flow of TCP, UDP or SCTP.
    static func flow(
        _ transport: String,
        from source: String,
        _ sourcePort: Int,
        to destination: String,
        _ port: Int,
        leadingTo target: (address: String, port: Int)? = nil
    ) -> String {
        var words = "-p \(transport) -s \(source) --sport \(sourcePort) -d \(destination) --dport \(port)"
        if transport == "tcp" { words += " --state ESTABLISHED" }
        if transport == "sctp" { words += " --state ESTABLISHED --orig-vtag 1 --reply-vtag 2" }
        if let target {
            words +=
                target.address.contains(":")
                ? " -g [\(target.address)]:\(target.port)" : " -g \(target.address):\(target.port)"
        }
        return words
    }
}

/// An address written in a test.
func ip(_ text: String) throws -> IPAddress {
    let address = IPAddress(text)
    return try #require(address)
}
