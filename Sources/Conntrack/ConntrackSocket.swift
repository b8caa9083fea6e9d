// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import LinuxSystem
public import Netlink

/// A socket to the connection tracking of one network namespace (ctnetlink; `conntrack`).
///
/// It stays in the namespace in which it was opened and is used from anywhere. Where the kernel has no connection
/// tracking, or does not offer it over netlink, opening or the first request fails with
/// ``Netlink/NetlinkError/Code/unavailable``.
public struct ConntrackSocket: ~Copyable {
    let socket: NetlinkSocket

    private init(_ socket: consuming NetlinkSocket) { self.socket = socket }

    /// Opens a socket in the calling thread's namespace.
    public static func open() throws(NetlinkError) -> ConntrackSocket {
        do throws(NetlinkError) { return ConntrackSocket(try .open(.netfilter)) } catch { throw interpreting(error) }
    }

    /// Opens a socket in another namespace.
    public static func open(in namespace: borrowing NetworkNamespace) throws(NetlinkError) -> ConntrackSocket {
        do throws(NetlinkError) { return ConntrackSocket(try .open(.netfilter, in: namespace)) } catch {
            throw interpreting(error)
        }
    }

    /// How many flows are tracked in the namespace: `conntrack -C`.
    ///
    /// This costs microseconds, where listing them costs milliseconds however few they are.
    public borrowing func flowCount() throws(NetlinkError) -> Int {
        var count: Int?
        do throws(NetlinkError) {
            try socket.query(try ConntrackRequest.count()) { (_, payload) throws(NetlinkError) in
                try AttributeReader.forEach(in: payload, after: MemoryLayout<nfgenmsg>.size) {
                    (type, value) throws(NetlinkError) in
                    if UInt32(type) == CTA_STATS_GLOBAL_ENTRIES.rawValue {
                        count = Int(try value.bigEndian(UInt32.self))
                    }
                }
            }
        } catch {
            throw ConntrackSocket.interpreting(error)
        }
        guard let count else { throw .malformed("a count of tracked connections without the count") }
        return count
    }

    /// Tells a kernel that lacks the subsystem from one that refuses the request.
    ///
    /// The request to count has nothing in it that could be wrong.
    static func interpreting(_ error: NetlinkError) -> NetlinkError {
        switch (error.code, error.number) {
        case (.refused, .invalidArgument), (.refused, .notSupported), (.socketFailed, .protocolNotSupported):
            NetlinkError(
                .unavailable,
                operation: error.operation,
                number: error.number,
                kernelMessage: error.kernelMessage,
                detail:
                    "this kernel offers no connection tracking over netlink (CONFIG_NF_CT_NETLINK, nf_conntrack_netlink)"
            )
        default: error
        }
    }
}
