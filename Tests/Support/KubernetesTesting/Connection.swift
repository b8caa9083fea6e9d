// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// One connection of a client: collects a request and does what the server decides about it.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private weak var server: KubernetesServer?
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(server: KubernetesServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): (self.head, body) = (head, [])
        case .body(let part): body += part.readableBytesView
        case .end:
            guard let head, let server else { return context.close(promise: nil) }
            Self.answer(head, body, on: context.channel, of: server)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        server?.forget(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private static func answer(
        _ head: HTTPRequestHead,
        _ body: [UInt8],
        on channel: any Channel,
        of server: KubernetesServer
    ) {
        var headers: [String: String] = [:]
        for (name, value) in head.headers { headers[name.lowercased()] = value }
        let reaction = server.react(
            method: head.method.rawValue,
            uri: head.uri,
            headers: headers,
            body: body,
            channel: channel
        ) { [weak server] in
            guard let server else { return }
            channel.eventLoop.execute {
                if channel.isActive { answer(head, body, on: channel, of: server) }
            }
        }
        switch reaction {
        case .reply(let reply, let cutAfter, let trickle): send(reply, cutAfter, trickle, on: channel)
        case .watch(let seconds):
            channel.eventLoop.scheduleTask(in: .seconds(seconds)) { [weak server] in
                // Whoever is not a watcher any more has been told so.
                let isWatching = server?.state.withLock { $0.watchers.removeValue(forKey: ObjectIdentifier(channel)) }
                if isWatching != nil { channel.finish() }
            }
        case .watchError(let line):
            sendWatchHead(on: channel)
            channel.sendPart(line)
            channel.finish()
        case .close: channel.close(promise: nil)
        case .silence, .later: break
        }
    }

    /// Accepts a watch.
    static func sendWatchHead(on channel: any Channel) {
        var head = HTTPResponseHead(version: .http1_1, status: .ok)
        head.headers.add(name: "content-type", value: "application/json")
        let part = HTTPServerResponsePart.head(head)
        channel.eventLoop.execute { channel.writeAndFlush(part, promise: nil) }
    }

    private static func send(
        _ reply: Reply,
        _ cutAfter: Int?,
        _ trickle: (bytes: Int, milliseconds: Int64)?,
        on channel: any Channel
    ) {
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: Int(reply.status)))
        head.headers.add(name: "content-type", value: reply.contentType)
        head.headers.add(name: "content-length", value: String(reply.body.count))
        for (name, value) in reply.headers { head.headers.add(name: name, value: value) }
        let part = HTTPServerResponsePart.head(head)
        channel.eventLoop.execute { channel.writeAndFlush(part, promise: nil) }
        if let cutAfter { return channel.sendPart(Array(reply.body.prefix(cutAfter)), thenClose: true) }
        guard let trickle else {
            channel.sendPart(reply.body)
            return channel.finish()
        }
        var rest = reply.body[...]
        var delay: Int64 = 0
        while !rest.isEmpty {
            let bytes = Array(rest.prefix(trickle.bytes))
            rest = rest.dropFirst(trickle.bytes)
            channel.eventLoop.scheduleTask(in: .milliseconds(delay)) { channel.sendPart(bytes) }
            delay += trickle.milliseconds
        }
        channel.eventLoop.scheduleTask(in: .milliseconds(delay)) { channel.finish() }
    }
}
