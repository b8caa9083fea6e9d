// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import RouteNetlink

/// What loopback asks of the kernel, over an open socket.
final class KernelLoopbackContender: Contender {
    let side = Side.kernel
    private let container: NetworkNamespace
    private let socket: RouteSocket
    private let loopback = LinkIndex(rawValue: 1)

    init() throws {
        container = try .temporary()
        socket = try .open(in: container)
    }

    func cycle(into results: inout Results) throws {
        let begun = SystemClock.monotonic
        try socket.bringUp(loopback)
        results.add("loopback ADD", side, nanoseconds: SystemClock.monotonic - begun)
        try socket.bringDown(loopback)
    }
}

/// What bridge asks of the kernel for one container, over open sockets: a veth pair, an address, a default route; and
/// for DEL, the removal.
///
/// Nothing less gives the container a network, whoever does it.
final class KernelBridgeContender: Contender {
    let side = Side.kernel
    private let container: NetworkNamespace
    private let hostSocket: RouteSocket
    private let containerSocket: RouteSocket
    private let bridge: LinkIndex
    private let address: LinkAddress
    private let gateway: IPAddress

    init() throws {
        guard let gatewayPrefix = IPPrefix("10.3.0.1/16"), let prefix = IPPrefix("10.3.0.2/16") else {
            throw BenchError("the addresses of the kernel's row are invalid")
        }
        container = try .temporary()
        hostSocket = try .open()
        containerSocket = try .open(in: container)
        bridge = try hostSocket.addBridge(BridgeOptions(name: "bench3"))
        try hostSocket.addAddress(LinkAddress(prefix: gatewayPrefix), to: bridge)
        address = LinkAddress(prefix: prefix)
        gateway = gatewayPrefix.address
    }

    func cycle(into results: inout Results) throws {
        var begun = SystemClock.monotonic
        let veth = try hostSocket.addVeth(
            VethPair(
                name: "bench-veth",
                masterIndex: bridge,
                isUp: true,
                peerName: "eth0",
                peerNamespace: container.rawDescriptor
            )
        )
        guard let peer = veth.peer else { throw BenchError("the kernel does not tell the number of a veth's peer") }
        try containerSocket.addAddress(address, to: peer)
        try containerSocket.bringUp(peer)
        try containerSocket.addRoute(Route(destination: .everything(.v4), gateway: gateway, interface: peer))
        results.add("bridge + host-local ADD", side, nanoseconds: SystemClock.monotonic - begun)
        begun = SystemClock.monotonic
        try hostSocket.removeLink(veth.host)
        results.add("bridge + host-local DEL", side, nanoseconds: SystemClock.monotonic - begun)
    }
}
