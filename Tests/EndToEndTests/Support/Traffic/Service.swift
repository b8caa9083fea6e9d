// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem

/// Something that listens on a port of a namespace and tells each client who it is.
///
/// It has no thread: whoever calls it moves both ends (see ``Conversation``).
final class Service: Sendable {
    /// The name it answers with.
    let name: String
    let transport: Transport
    let socket: TrafficSocket

    /// Starts to listen.
    init(
        _ name: String,
        _ transport: Transport,
        at endpoint: Endpoint,
        in namespace: borrowing NetworkNamespace
    ) throws {
        self.name = name
        self.transport = transport
        socket = try TrafficSocket(transport, boundTo: endpoint, in: namespace)
        if transport == .tcp { try socket.listen() }
    }

    /// Starts to listen on all addresses of a family.
    convenience init(
        _ name: String,
        _ transport: Transport,
        _ family: AddressFamily,
        port: UInt16,
        in namespace: borrowing NetworkNamespace
    ) throws {
        try self.init(name, transport, at: Endpoint(family.anyAddress, port), in: namespace)
    }
}

/// Who answered a client, and where the client seemed to come from.
struct Contact: Hashable, Sendable, CustomStringConvertible {
    /// The service's name.
    let service: String
    /// The client's address, as the service saw it.
    let source: IPAddress

    /// A service that saw a source.
    init(_ service: String, saw source: IPAddress) {
        self.service = service
        self.source = source
    }

    /// Such as "web saw 192.0.2.2".
    var description: String { "\(service) saw \(source)" }
}
