// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem
import Testing

/// One way to run a packet test.
struct Combination: Sendable, Hashable, CustomTestStringConvertible {
    /// The family of all addresses.
    let family: AddressFamily
    /// The transport of all conversations.
    let transport: Transport
    /// bridge-nf-call-iptables and -ip6tables.
    let bridgeFilter: Bool

    /// All eight.
    static var all: [Combination] {
        AddressFamily.allCases.flatMap { family in
            Transport.allCases.flatMap { transport in
                [false, true].map { Combination(family: family, transport: transport, bridgeFilter: $0) }
            }
        }
    }

    var testDescription: String { "\(transport) over \(family), bridge-nf-call \(bridgeFilter ? 1 : 0)" }

    /// A port that is published for this transport.
    func port(_ host: Int, to container: Int, at address: IPAddress? = nil) -> PublishedPort {
        PublishedPort(host: host, container: container, transport: transport, address: address)
    }

    /// Starts a service on all addresses of a namespace.
    func service(_ name: String, port: UInt16, in namespace: borrowing NetworkNamespace) throws -> Service {
        try Service(name, transport, family, port: port, in: namespace)
    }

    /// Who of several services answers a client.
    ///
    /// - Parameter sourcePort: The client's port, 0 for any.
    func call(
        _ target: IPAddress,
        _ port: UInt16,
        from namespace: borrowing NetworkNamespace,
        sourcePort: UInt16 = 0,
        among services: [Service],
        within patience: Duration = .seconds(10)
    ) throws -> Contact? {
        try open(target, port, from: namespace, sourcePort: sourcePort, among: services, within: patience)?.contact
    }

    /// Opens a conversation with whoever of several services answers.
    func open(
        _ target: IPAddress,
        _ port: UInt16,
        from namespace: borrowing NetworkNamespace,
        sourcePort: UInt16 = 0,
        among services: [Service],
        within patience: Duration = .seconds(10)
    ) throws -> Conversation? {
        let client = try TrafficSocket(transport, boundTo: Endpoint(family.anyAddress, sourcePort), in: namespace)
        return Conversation.open(
            transport,
            from: client,
            to: Endpoint(target, port),
            among: services,
            by: .after(patience)
        )
    }
}

extension Duration {
    /// How long a conversation may take that must not come about; a whole one takes less than a millisecond.
    static var patienceForSilence: Duration { .milliseconds(200) }
}
