// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxSystem

/// A client and the service that answered it, able to go on talking.
final class Conversation {
    /// Who answered.
    let contact: Contact
    private let client: TrafficSocket
    private let server: TrafficSocket
    private let transport: Transport
    /// Where the service sends what it has to say without being asked.
    private var lastSender: Endpoint?

    /// Sends a token from a client and waits which of the services receives it and can answer.
    ///
    /// The answer has to come back to the same socket, from where the client believes the service to be.
    /// - Returns: nil when none of them was reached by the deadline, or when the client was refused.
    static func open(
        _ transport: Transport,
        from client: TrafficSocket,
        to target: Endpoint,
        among services: [Service],
        by deadline: Deadline
    ) -> Conversation? {
        if client.connect(to: target) != nil { return nil }
        if transport == .tcp {
            guard Readiness.wait(readers: [], writer: client, until: deadline), client.takeError() == nil else {
                return nil
            }
        }
        // A refusal of an earlier datagram says nothing about this one.
        _ = client.takeError()
        let token = Self.token()
        if client.send(token) != nil { return nil }
        guard let (service, server, sender) = Self.arrival(of: token, client, services, deadline) else { return nil }
        let contact = Contact(service.name, saw: sender.address)
        let conversation = Conversation(contact, transport, client, server)
        return conversation.answer(sender, by: deadline) ? conversation : nil
    }

    private init(_ contact: Contact, _ transport: Transport, _ client: TrafficSocket, _ server: TrafficSocket) {
        self.contact = contact
        self.transport = transport
        self.client = client
        self.server = server
    }

    /// Whether a question and its answer pass within some time.
    func goesOn(within duration: Duration = .seconds(10)) -> Bool {
        let deadline = Deadline.after(duration)
        let token = Self.token()
        if client.send(token) != nil { return false }
        while Readiness.wait(readers: [server], until: deadline) {
            guard let (bytes, sender) = server.receive() else { return false }
            if bytes == token { return answer(transport == .udp ? sender : nil, by: deadline) }
        }
        return false
    }

    /// Whether the client receives what the service sends on its own account.
    func isHeardBack(within duration: Duration = .seconds(10)) -> Bool {
        let token = Self.token()
        if server.send(token, to: transport == .udp ? lastSender : nil) != nil { return false }
        return Readiness.wait(readers: [client], until: .after(duration)) && client.receive()?.bytes == token
    }

    /// Ends the client's side of a TCP connection without a word.
    func vanish() { client.vanish() }

    /// Sends the service's name back to the client.
    private func answer(_ sender: Endpoint?, by deadline: Deadline) -> Bool {
        lastSender = sender
        let name = Array(contact.service.utf8)
        if server.send(name, to: transport == .udp ? sender : nil) != nil { return false }
        guard Readiness.wait(readers: [client], until: deadline) else { return false }
        return client.receive()?.bytes == name
    }

    /// Waits until a service has received the token; what others sent before is dropped.
    private static func arrival(
        of token: [UInt8],
        _ client: TrafficSocket,
        _ services: [Service],
        _ deadline: Deadline
    ) -> (service: Service, server: TrafficSocket, sender: Endpoint)? {
        var accepted: [(service: Service, socket: TrafficSocket)] = []
        while true {
            let readers = services.map(\.socket) + accepted.map(\.socket) + [client]
            guard Readiness.wait(readers: readers, until: deadline) else { return nil }
            for service in services {
                if service.transport == .tcp {
                    while let socket = service.socket.accept() { accepted.append((service, socket)) }
                } else {
                    while let (bytes, sender) = service.socket.receive() {
                        if bytes == token, let sender { return (service, service.socket, sender) }
                    }
                }
            }
            var open: [(service: Service, socket: TrafficSocket)] = []
            for (service, socket) in accepted {
                if let (bytes, _) = socket.receive() {
                    if bytes == token, let peer = socket.peer { return (service, socket, peer) }
                } else if socket.takeError() == nil, !socket.isAtEnd {
                    open.append((service, socket))
                }
            }
            accepted = open
            // Nothing but a refusal may reach the client before a service has answered.
            if client.takeError() != nil || client.isAtEnd { return nil }
        }
    }

    private static func token() -> [UInt8] {
        (0..<16).map { _ in UInt8.random(in: 0...255) }
    }
}
