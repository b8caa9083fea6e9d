// swift-cni, SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import Netlink

/// A socket to the links, addresses, routes and neighbours of one network namespace (rtnetlink(7)).
///
/// It stays in the namespace in which it was opened and is used from anywhere. Each call is one request that the kernel
/// has carried out, or refused, when it returns.
public struct RouteSocket: ~Copyable {
    let socket: NetlinkSocket

    private init(_ socket: consuming NetlinkSocket) { self.socket = socket }

    /// Opens a socket in the calling thread's namespace.
    public static func open() throws(NetlinkError) -> RouteSocket { RouteSocket(try .open(.route)) }

    /// Opens a socket in another namespace.
    public static func open(in namespace: borrowing NetworkNamespace) throws(NetlinkError) -> RouteSocket {
        RouteSocket(try .open(.route, in: namespace))
    }

    /// Carries out one request.
    public borrowing func perform(_ request: RouteRequest) throws(NetlinkError) {
        do throws(NetlinkError) { try socket.perform(request.message) } catch { throw naming(request, error) }
    }

    /// Carries out requests in order, sent with one write and acknowledged together.
    ///
    /// The kernel goes on after a request that it refuses.
    ///
    /// - Returns: The refusal of each request, nil for those that were done.
    /// - Throws: Only what concerns the socket as a whole.
    public borrowing func perform(_ requests: [RouteRequest]) throws(NetlinkError) -> [NetlinkError?] {
        var outcomes = try socket.perform(requests.map(\.message))
        for (index, request) in requests.enumerated() {
            if let error = outcomes[index] { outcomes[index] = naming(request, error) }
        }
        return outcomes
    }

    /// Completes an error's description with the interface's name, which the kernel is asked for only now.
    borrowing func naming(_ request: RouteRequest, _ error: NetlinkError) -> NetlinkError {
        guard let index = request.interface else { return error }
        let name = (try? link(index))?.name ?? "\(index)"
        return error.describing("\(error.operation) \(name)")
    }
}
