// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Keeps a server from using up the process's descriptors, which the daemon's files and sockets need.
///
/// It is the first handler of the listening channel.
final class ConnectionCount: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    /// How long nothing is accepted after the kernel refused to.
    private static var pause: TimeAmount { .seconds(1) }

    private let most: Int
    /// The oldest first.
    private var open: [any Channel] = []

    init(atMost most: Int) { self.most = most }

    /// Closes the oldest connection when there are too many: it has had the most time, and one that is closed at once
    /// would shut out who asks for a reason.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let connection = unwrapInboundIn(data)
        if open.count >= most { open.removeFirst().close(promise: nil) }
        open.append(connection)
        let (this, loop) = (NIOLoopBound(self, eventLoop: context.eventLoop), context.eventLoop)
        connection.closeFuture.hop(to: loop).whenComplete { _ in this.value.open.removeAll { $0 === connection } }
        context.fireChannelRead(data)
    }

    /// Waits after a connection that could not be accepted, such as for want of descriptors.
    ///
    /// It stays the next in the queue, so the kernel would tell of it again and again.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError, let options = context.channel.syncOptions else {
            return context.fireErrorCaught(error)
        }
        try? options.setOption(.autoRead, value: false)
        let channel = context.channel
        _ = context.eventLoop.scheduleTask(in: Self.pause) { channel.setOption(.autoRead, value: true) }
    }
}

/// Closes a connection that has said nothing of use for a while: behind the handlers of HTTP, where half a head is nothing.
final class SilenceLimit: ChannelInboundHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }
}
